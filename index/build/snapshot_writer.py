"""Writes items and their vectors as a sealed snapshot: lists trained or reused, shards, columns, recall."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import faiss
import numpy as np

from index.items import attribute_file, further_images, items
from index.items.attribute_file import NO_FACTS, SourceFacts
from index.items.attribute_types import AttributeTypes
from index.lexical import lexical_index
from index.sources.embedded import Embedded
from index.storage import snapshot
from index.storage.manifest import SCHEMA_VERSION, SnapshotManifest
from index.storage.snapshot import Snapshot
from index.vectors import encodings, shards
from index.vectors.encodings import Encoding, IndexOptions
from index.vectors.exact import Exact, scaled
from index.vectors.further_rows import FurtherRows
from index.vectors.probing import tuned
from index.vectors.ranking import Ranking
from index.vectors.recall import RecallProbe
from index.vectors.shards import Shards
from models.bundle import KNOWN_IMAGES, KnownImages
from models.errors import GalleryError

STALE = 0.2  # share of the items that are new since the lists were trained, from which they are trained anew

SAME = (snapshot.VECTORS, snapshot.ATTRIBUTES, snapshot.SKIPPED)  # files that are equal if nothing changed

Stage = Literal["read", "embed", "train", "write", "publish"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a stage; `rate` is rows per second in this run.

    `unreachable` counts the images that could not be fetched so far and whose items keep their vectors.
    """

    stage: Stage
    done: int
    total: int
    rate: float
    unreachable: int = 0


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class SnapshotOrigin:
    """Origin of a snapshot: its source, its model, and the journal's change up to which all are in it."""

    source: str
    space_id: str
    model_id: str
    through: int


def write(
    gallery: Path,
    contents: Embedded,
    origin: SnapshotOrigin,
    shape: IndexOptions,
    report: Report,
    *,
    known: AttributeTypes,
    lexical: Sequence[str],
    source: SourceFacts = NO_FACTS,
    known_images: KnownImages | None = None,
) -> tuple[Snapshot, list[str]]:
    """Return the sealed snapshot, not published yet, and notes on attributes of mixed types.

    It is the live snapshot if nothing would be different in another.

    The attributes that are `known` stay so if no item has them any more. The lexical index has the words of the
    attributes named by `lexical`. Images unlike the `known_images` of the model are counted; None if it has none.
    Raises GalleryError if the disk takes no more.
    """
    rows, vectors = contents.rows, contents.vectors
    encoding, count = shape.encoding_of(len(vectors)), len(vectors)
    further = len(vectors) - len(rows)
    with snapshot.draft(gallery) as folder:
        with stage("train", count, report):
            lists = _lists(gallery, contents, origin, encoding)
            encodings.write(lists.trained, folder / snapshot.LISTS)
        with stage("write", count, report):
            counts = shards.write(folder, lists.trained, vectors, shards=shape.shards_of(count))
            np.save(folder / snapshot.VECTORS, vectors)
            items.write(folder / snapshot.ITEMS, rows)
            if further:
                further_images.write(folder / snapshot.FURTHER, rows)
            if known_images is not None:
                (folder / KNOWN_IMAGES).write_bytes(known_images.encoded())
            notes = attribute_file.write(
                folder / snapshot.ATTRIBUTES, ((row.id, row.attributes) for row in rows), known, source
            )
            with (folder / snapshot.SKIPPED).open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in contents.skipped)
            live = _unchanged(gallery, folder, origin, shape, count, lexical)
            if live is not None:
                return live, notes
            lexical_index.write(folder / snapshot.LEXICAL, lexical, ((row.id, row.attributes) for row in rows))
            scales = scaled(vectors)
            np.save(folder / snapshot.SCALES, scales)
            opened = Shards.open([folder / name for name, _ in counts], encoding=encoding)
            owners = np.repeat(np.arange(len(rows)), [len(row.further) for row in rows])
            exact = Exact(vectors, scales, FurtherRows(len(rows), owners) if further else None)
            ranking = Ranking(opened, exact, opened.nlist)
            probe = RecallProbe.sample(ranking.exact)
            probe.write(folder / snapshot.PROBE)
            probing = tuned(ranking, probe, shape.goal_of(count))
            created = datetime.now(UTC)
            sealed = snapshot.seal(
                folder,
                SnapshotManifest(
                    schema_version=SCHEMA_VERSION,
                    name=snapshot.new_name(created),
                    created=created,
                    **asdict(origin),
                    count=len(rows),
                    images=further or None,
                    skipped=len(contents.skipped),
                    unlike=None if known_images is None else known_images.count_unlike(vectors),
                    dimension=vectors.shape[1],
                    encoding=encoding,
                    nlist=opened.nlist,
                    stale=lists.stale,
                    **asdict(probing),
                    faiss_version=faiss.__version__,
                    lexical=tuple(lexical),
                    shards=tuple(snapshot.shard_entry(folder / name, number) for name, number in counts),
                    files=tuple(
                        snapshot.entry(folder / name)
                        for name in (*snapshot.FILES, *snapshot.OPTIONAL)
                        if name not in snapshot.OPTIONAL or (folder / name).is_file()
                    ),
                ),
            )
            return sealed, notes


@contextmanager
def translate_os_errors(gallery: Path, *, otherwise: str) -> Iterator[None]:
    """Raises GalleryError for errors of the gallery's disk; `otherwise` says what to do after they are solved."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of the progress has closed its end: nothing is wrong with the gallery
    except OSError as error:
        raise GalleryError(
            f"the gallery {gallery} cannot be written ({error}): make room or check the path, and {otherwise}"
        ) from error


@contextmanager
def stage(name: Stage, total: int, report: Report) -> Iterator[None]:
    """Reports the beginning and the end of a stage."""
    begun = time.monotonic()
    report(Progress(name, 0, total, 0.0))
    yield
    report(Progress(name, total, total, rate(total, begun)))


def rate(done: int, begun: float) -> float:
    """Rows a second since `begun`."""
    return done / max(time.monotonic() - begun, 1e-6)


def _unchanged(
    gallery: Path, folder: Path, origin: SnapshotOrigin, shape: IndexOptions, count: int, lexical: Sequence[str]
) -> Snapshot | None:
    """The live snapshot if it is whole and the draft in the folder has the same contents, None otherwise."""
    known = [snapshot.entry(folder / KNOWN_IMAGES)] if (folder / KNOWN_IMAGES).is_file() else []
    try:
        live = snapshot.live(gallery)
        manifest = live.manifest
        same = (
            asdict(origin) == {name: getattr(manifest, name) for name in asdict(origin)}
            and (manifest.schema_version, manifest.faiss_version) == (SCHEMA_VERSION, faiss.__version__)
            and (manifest.encoding, manifest.recall_goal) == (shape.encoding_of(count), shape.goal_of(count))
            and manifest.lexical == tuple(lexical)
            and len(manifest.shards) == shape.shards_of(count)
            and all(snapshot.entry(folder / name) in manifest.files for name in SAME)
            and [entry for entry in manifest.files if entry.file == KNOWN_IMAGES] == known
            and items.same(folder / snapshot.ITEMS, live.path / snapshot.ITEMS)
            and further_images.same(folder / snapshot.FURTHER, live.path / snapshot.FURTHER)
        )
    except GalleryError:
        return None
    return live if same else None


@dataclass(frozen=True, slots=True)
class _Lists:
    trained: faiss.IndexIVF  # empty
    stale: int  # images that are new or changed since


def _lists(gallery: Path, contents: Embedded, origin: SnapshotOrigin, encoding: Encoding) -> _Lists:
    """The live snapshot's lists if they still fit, or new ones."""
    try:
        live = snapshot.live_manifest(gallery)
        path = gallery / snapshot.SNAPSHOTS / live.name
        stale = live.stale + contents.new
        fits = (
            (live.space_id, live.encoding) == (origin.space_id, encoding)
            and 2 / 3 <= shards.lists(len(contents.vectors)) / live.nlist <= 3 / 2
            and stale <= STALE * len(contents.vectors)
        )
        if fits:
            (entry,) = (each for each in live.files if each.file == snapshot.LISTS)
            snapshot.check(path, entry)
            return _Lists(encodings.read(path / snapshot.LISTS), stale)
    except GalleryError:
        pass  # there is none, or none that could be used: it costs the training
    return _Lists(shards.train(contents.vectors, encoding=encoding), 0)
