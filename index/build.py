"""A source made into the live snapshot of a gallery: read, embed, train, write, publish."""

import json
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import faiss
import numpy as np

from index import ingest, items, recall, shards, snapshot
from index.chunks import BUILDING, CHUNK, Chunk, Chunks, Skipped
from index.gallery import Gallery
from index.ingest import SourceRow
from index.manifest import SCHEMA_VERSION, SnapshotManifest
from index.recall import Vectors
from models.arrays import Flags, Pixels
from models.encoder import Encoder
from models.errors import ConfigError, GalleryError, ImageTooLarge, SourceError, UnreadableImage

SHARDS = 2
MOST_SHARDS = 1024
BATCH = 64
READERS = 2  # threads that fetch and decode while the graph runs
READ_AHEAD = 3 * BATCH

Stage = Literal["read", "embed", "train", "write", "publish"]
Prepared = tuple[SourceRow, Pixels | Skipped]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is; `rate` is rows a second in this run."""

    stage: Stage
    done: int
    total: int
    rate: float


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made: the name of the snapshot, how many items it holds and which rows it left out."""

    snapshot: str
    items: int
    skipped: Sequence[Skipped]
    seconds: float


def build(
    source: Path, gallery: Path, encoder: Encoder, *, shards: int = SHARDS, progress: Callable[[Progress], None]
) -> Built:
    """Indexes the source and makes it live; the gallery before it stays until then, and after it for roll-back.

    A row without a usable picture is skipped and reported. A killed build goes on where it stopped, given the same
    source and space. Raises SourceError where nothing is usable, JobRunning while another build runs, BundleBroken
    where the model fails, and GalleryError where the gallery cannot be written.
    """
    if not 1 <= shards <= MOST_SHARDS:
        raise ConfigError(f"{shards} shards cannot be made: choose 1 to {MOST_SHARDS}")
    if not ingest.is_utf8(str(gallery.absolute())):  # FAISS would refuse it, after everything is embedded
        raise ConfigError(f"the path {ingest.escaped(gallery)} of the gallery is not UTF-8: choose another path")
    try:
        with snapshot.locked(gallery):
            return _built(source, gallery, encoder, shards, progress)
    except BrokenPipeError:
        raise  # whoever was told of the progress has left: nothing is wrong with the gallery
    except OSError as error:  # what a source does wrong is ours already, so this is the gallery's disk
        raise GalleryError(
            f"the gallery {gallery} cannot be written ({error}): make room or check the path, and build again; what is"
            " embedded is kept"
        ) from error


def _built(source: Path, gallery: Path, encoder: Encoder, parts: int, progress: Callable[[Progress], None]) -> Built:
    started = time.monotonic()
    rows = list(ingest.rows(source, without=[*snapshot.own(gallery), gallery / BUILDING]))
    progress(Progress("read", len(rows), len(rows), _rate(len(rows), started)))
    chunks = Chunks(gallery, rows, space_id=encoder.manifest.space_id)
    kept, vectors, skipped = _gathered(_embedded(rows, chunks, encoder, progress))
    if not kept:
        raise SourceError(
            f"{source} has no usable image among {len(rows)} rows; the first, {skipped[0].id!r}: {skipped[0].reason}"
        )
    made = _written(source, gallery, encoder, [rows[row] for row in kept], vectors, skipped, parts, progress)
    progress(Progress("publish", 0, 1, 0.0))
    Gallery.of(snapshot.checked(made.path))  # as the service will open it: a bad one never goes live
    snapshot.publish(gallery, made.manifest.name)
    snapshot.retire(gallery)
    chunks.remove()
    progress(Progress("publish", 1, 1, 0.0))
    return Built(made.manifest.name, len(kept), skipped, time.monotonic() - started)


def _embedded(
    rows: Sequence[SourceRow], chunks: Chunks, encoder: Encoder, progress: Callable[[Progress], None]
) -> Iterator[Chunk]:
    """Every chunk in order: those that an earlier run finished, as they are, and the others embedded."""
    starts = range(0, len(rows), CHUNK)
    finished = {number: chunk for number in range(len(starts)) if (chunk := chunks.get(number)) is not None}
    reused = done = sum(len(rows[starts[number] : starts[number] + CHUNK]) for number in finished)
    begun = time.monotonic()
    progress(Progress("embed", done, len(rows), 0.0))
    missing = [
        row for number, start in enumerate(starts) if number not in finished for row in rows[start : start + CHUNK]
    ]
    with (
        ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool,
        # closed before the pool, which else would wait for all that was read ahead when the model fails
        closing(_read_ahead(pool, lambda row: _prepared(row, encoder), missing)) as prepared,
    ):
        for number, start in enumerate(starts):
            if number in finished:
                yield finished.pop(number)
                continue
            end = min(start + CHUNK, len(rows))
            parts: list[Chunk] = []
            for first in range(start, end, BATCH):
                batch = [next(prepared) for _ in range(first, min(first + BATCH, end))]
                parts.append(_embedded_batch(batch, first, encoder))
                done += len(batch)
                progress(Progress("embed", done, len(rows), _rate(done - reused, begun)))
            kept, vectors, skipped = _gathered(parts)
            chunk = Chunk(vectors, kept, skipped)
            chunks.put(number, chunk)
            yield chunk


def _read_ahead(
    pool: ThreadPoolExecutor, prepare: Callable[[SourceRow], Prepared], rows: Iterable[SourceRow]
) -> Generator[Prepared, None, None]:
    """The prepared rows in order, up to READ_AHEAD of them made before they are asked for."""
    waiting: deque[Future[Prepared]] = deque()
    try:
        for row in rows:
            waiting.append(pool.submit(prepare, row))
            if len(waiting) >= READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _prepared(row: SourceRow, encoder: Encoder) -> Prepared:
    try:
        return row, encoder.preprocess(ingest.read_image(row))
    except (UnreadableImage, ImageTooLarge) as error:
        return row, Skipped(row.id, row.image, str(error))


def _embedded_batch(batch: Sequence[Prepared], first: int, encoder: Encoder) -> Chunk:
    """The vectors of one batch, whose first row is `first` in the source."""
    usable = [(number, row, made) for number, (row, made) in enumerate(batch, first) if not isinstance(made, Skipped)]
    skipped = [made for _, made in batch if isinstance(made, Skipped)]
    if not usable:
        return Chunk(np.empty((0, encoder.manifest.dimension), np.float16), [], skipped)
    vectors = encoder.gallery(np.stack([pixels for _, _, pixels in usable]))  # (b, d)
    finite: Flags = np.all(np.isfinite(vectors), axis=1)  # (b,)
    strange = [row for (_, row, _), fine in zip(usable, finite, strict=True) if not fine]
    skipped += [Skipped(row.id, row.image, "the model gives no finite embedding of it") for row in strange]
    kept = [number for (number, _, _), fine in zip(usable, finite, strict=True) if fine]
    return Chunk(vectors[finite].astype(np.float16), kept, skipped)


def _gathered(parts: Iterable[Chunk]) -> tuple[list[int], Vectors, list[Skipped]]:
    found = list(parts)
    kept = [row for part in found for row in part.rows]
    skipped = [each for part in found for each in part.skipped]
    return kept, np.concatenate([part.vectors for part in found]), skipped


def _written(
    source: Path,
    gallery: Path,
    encoder: Encoder,
    rows: Sequence[SourceRow],
    vectors: Vectors,
    skipped: Sequence[Skipped],
    parts: int,
    progress: Callable[[Progress], None],
) -> snapshot.Snapshot:
    """The sealed, unpublished snapshot."""
    with snapshot.draft(gallery) as folder:
        begun = time.monotonic()
        progress(Progress("train", 0, len(rows), 0.0))
        coarse = shards.train(vectors)
        progress(Progress("train", len(rows), len(rows), _rate(len(rows), begun)))
        begun = time.monotonic()
        progress(Progress("write", 0, len(rows), 0.0))
        counts = shards.write(folder, coarse, vectors, shards=parts)
        np.save(folder / snapshot.VECTORS, vectors)
        items.write(folder / snapshot.ITEMS, rows)
        with (folder / snapshot.SKIPPED).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in skipped)
        opened = shards.Shards.open([folder / name for name, _ in counts])
        nprobe, measured = recall.choose_nprobe(opened.search, vectors, nlist=opened.nlist)
        created = datetime.now(UTC)
        manifest = SnapshotManifest(
            schema_version=SCHEMA_VERSION,
            name=snapshot.new_name(created),
            created=created,
            source=str(source.resolve()),
            count=len(rows),
            skipped=len(skipped),
            dimension=vectors.shape[1],
            space_id=encoder.manifest.space_id,
            model_id=encoder.manifest.model_id,
            nlist=opened.nlist,
            nprobe=nprobe,
            recall_at_10=measured,
            faiss_version=faiss.__version__,
            shards=tuple(snapshot.shard_entry(folder / name, count) for name, count in counts),
            files=tuple(snapshot.entry(folder / name) for name in (snapshot.ITEMS, snapshot.VECTORS, snapshot.SKIPPED)),
        )
        sealed = snapshot.seal(folder, manifest)
        progress(Progress("write", len(rows), len(rows), _rate(len(rows), begun)))
    return sealed


def _rate(done: int, begun: float) -> float:
    return done / max(time.monotonic() - begun, 1e-6)
