"""Builds the live snapshot of a gallery from a source: read, embed, train, write, publish."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.build import preflight
from index.build.create import NO_SOURCE
from index.build.embed import embed
from index.build.loss import MAX_LOSS, LossLimit
from index.build.own_source import own_rows
from index.build.publish import publish
from index.build.resume import BUILDING, EmbeddedChunks
from index.build.reuse import ReusableVectors
from index.build.snapshot_writer import Progress, Report, SnapshotOrigin, rate, stage, translate_os_errors, write
from index.items import attribute_file
from index.items.attribute_file import SourceFacts
from index.items.attribute_types import AttributeTypes
from index.items.columns import GrowingColumns
from index.lexical.words import DEFAULT_NAMES
from index.sources import cells, clip_retrieval, folders, object_stores
from index.sources import rows as source_rows
from index.sources.embedded import Embedded, SkippedRow
from index.sources.rows import NO_MAP, SourceRow
from index.storage import snapshot, unlike_images
from index.storage.changes import Upsert
from index.storage.journal import Journal
from index.storage.view import RowView
from index.vectors.encodings import DEFAULT_OPTIONS, IndexOptions
from models.encoder import Encoder
from models.errors import ConfigError, GalleryError, SourceError

OWN = "the gallery"  # a build without a source names it


@dataclass(frozen=True, slots=True)
class Built:
    """Result of a build: the name of the snapshot, the number of its items, and the skipped rows.

    Of the vectors of their `images`, `embedded` were computed by the model and `reused` were known; of these,
    `unreachable` are of images that could not be fetched.
    """

    snapshot: str
    items: int
    embedded: int
    reused: int
    skipped: Sequence[SkippedRow]
    seconds: float
    recall_goal: float
    recall_at_10: float  # below the goal if all lists do not reach it
    images: int  # of all items
    unreachable: int = 0
    notes: Sequence[str] = ()  # on what was left out or could not be fetched, on values of mixed types, on no change


def build(
    source: Path | str | None,
    gallery: Path,
    encoder: Encoder,
    *,
    shape: IndexOptions = DEFAULT_OPTIONS,
    lexical: Sequence[str] | None = None,
    max_loss: float = MAX_LOSS,
    private_hosts: bool = True,
    columns: Mapping[str, str] = NO_MAP,
    blocks: str | None = None,
    progress: Report,
) -> Built:
    """Indexes the source and makes it live; the gallery before it stays until then, and after it for roll-back.

    Without a source, the gallery's present items are indexed again from the images that it stores or knows by URL: so a
    gallery that changes filled moves to the space of another model.

    Vectors are found in the gallery's folder, or in `blocks`, if `likebut index embed` has put some there.

    `columns` maps names of attributes to those of a table's columns. The lexical index has the words of the attributes
    named by `lexical`; None means those of the live snapshot, or the usual ones.

    If nothing changed since the live snapshot, that one stays. An image that cannot be fetched at the moment keeps the
    vector of the live snapshot. At most the share `max_loss` of the live items may be gone in the new snapshot, or
    LossRefused is raised before it is live; what is embedded is saved for the next build.

    A row without a usable image is skipped and reported. An image whose vector the live snapshot or a killed build
    holds, in the same space, is not embedded again. Raises SourceError if nothing is usable, JobRunning while another
    build runs, BundleBroken if the model fails, and GalleryError if the gallery cannot be written.
    """
    if not cells.is_utf8(str(gallery.absolute())):  # FAISS would refuse it, after everything is embedded
        raise ConfigError(f"the path {folders.escaped(gallery)} of the gallery is not UTF-8: choose another path")
    # errors of the source are ours already, so an OSError is of the gallery's disk
    with (
        translate_os_errors(gallery, otherwise="build again; what is embedded is kept"),
        snapshot.build_lock(gallery),
        Journal.open(gallery) as journal,
    ):
        limit = LossLimit.read(gallery, journal, share=max_loss, source=_named(source))
        names = _lexical(gallery) if lexical is None else tuple(dict.fromkeys(name.casefold() for name in lexical))
        chunks = EmbeddedChunks.open(gallery, blocks, space_id=encoder.manifest.space_id)
        return _built(source, gallery, journal, encoder, shape, names, limit, private_hosts, columns, chunks, progress)


def _built(
    source: Path | str | None,
    gallery: Path,
    journal: Journal,
    encoder: Encoder,
    shape: IndexOptions,
    lexical: Sequence[str],
    limit: LossLimit,
    private_hosts: bool,
    columns: Mapping[str, str],
    chunks: EmbeddedChunks,
    progress: Report,
) -> Built:
    started = time.monotonic()
    items = _items(gallery, journal) if source is not None else RowView.open(snapshot.live(gallery), journal)
    # what is changed from now on is not in the source, and stays in the journal
    through = journal.last() if items is None else items.overlay.through
    notes: list[str] = []
    if source is not None and clip_retrieval.is_layout(source):
        manifest = encoder.manifest
        embedded = clip_retrieval.read(
            Path(source),
            dimension=manifest.dimension,
            space_id=manifest.space_id,
            note=notes.append,
            scratch=gallery,
        )
        count = len(embedded.rows) + len(embedded.skipped)
        progress(Progress("read", count, count, rate(count, started)))
        progress(Progress("embed", count, count, 0.0))
    else:
        if source is None:
            assert items is not None
            rows = own_rows(gallery, items)
        else:
            own = [*snapshot.own_paths(gallery), gallery / BUILDING]
            rows = list(source_rows.rows(source, without=own, columns=columns, note=notes.append))
        progress(Progress("read", len(rows), len(rows), rate(len(rows), started)))
        limit.check(rows)  # before anything is embedded, since a wrong source is seen by its ids
        preflight.check(
            gallery, rows=sum(1 + len(row.further) for row in rows), dimension=encoder.manifest.dimension, shape=shape
        )
        embedded = _embedded(rows, gallery, encoder, chunks, private_hosts, progress)
    if embedded.skipped and not embedded.rows:
        first = embedded.skipped[0]
        raise SourceError(
            f"{_named(source)} has no usable image among {len(embedded.skipped)} rows; the first,"
            f" {first.id!r}: {first.reason}"
        )
    limit.check(embedded.rows, embedded.skipped)
    named = NO_SOURCE
    if source is not None:
        named = str(source) if object_stores.is_store(str(source)) else str(Path(source).resolve())
    origin = SnapshotOrigin(named, encoder.manifest.space_id, encoder.manifest.model_id, through)
    before = _live_name(gallery)
    facts, known = SourceFacts(columns, notes), _known(gallery, journal)
    made, on_types = write(
        gallery,
        embedded,
        origin,
        shape,
        progress,
        known=known,
        lexical=lexical,
        source=facts,
        known_images=encoder.known_images,
    )
    if made.manifest.name == before:
        notes.append(f"nothing changed since snapshot {made.manifest.name}: it stays live")
    else:
        with stage("publish", 1, progress):
            publish(gallery, made, journal, before=items)
    chunks.remove()
    if embedded.unusable:
        first = embedded.unusable[0]
        notes.append(
            f"{len(embedded.unusable)} images of items with other ones were left out; the first, {first.uri} of"
            f" item {first.id!r}: {first.reason}"
        )
    if embedded.unreachable:
        first = embedded.unreachable[0]
        notes.append(
            f"{len(embedded.unreachable)} images could not be fetched, and their items keep their vectors; the first,"
            f" {first.id!r}: {first.reason}"
        )
    return Built(
        made.manifest.name,
        len(embedded.rows),
        embedded.computed,
        max(0, len(embedded.vectors) - embedded.computed),
        embedded.skipped,
        time.monotonic() - started,
        made.manifest.recall_goal,
        made.manifest.recall_at_10,
        len(embedded.vectors),
        len(embedded.unreachable),
        [*notes, *on_types, *unlike_images.notes(made.manifest, str(gallery))],
    )


def _named(source: Path | str | None) -> str:
    return OWN if source is None else source_rows.display_name(source)


def _live_name(gallery: Path) -> str:
    """The name of the live snapshot, empty if there is none."""
    try:
        return snapshot.current(gallery)
    except GalleryError:
        return ""


def _lexical(gallery: Path) -> Sequence[str]:
    """The attributes whose words the live snapshot has; the usual ones if there is none, or none that can be read."""
    try:
        names = snapshot.live_manifest(gallery).lexical
    except GalleryError:
        names = None
    return DEFAULT_NAMES if names is None else names


def _items(gallery: Path, journal: Journal) -> RowView | None:
    """The items as of now; None if there is no snapshot, or none that can be read."""
    try:
        return RowView.open(snapshot.live(gallery), journal)
    except GalleryError:
        return None


def _known(gallery: Path, journal: Journal) -> AttributeTypes:
    """The types of the attributes of the live snapshot and of the changes since, so that no filter on one fails."""
    try:
        live = snapshot.live_manifest(gallery)
        path = gallery / snapshot.SNAPSHOTS / live.name / snapshot.ATTRIBUTES
        columns = attribute_file.read(path, former=snapshot.attribute_files(gallery))
        growing = GrowingColumns(columns.types)
        for entry in journal.since(live.through):
            if isinstance(entry.change, Upsert):
                growing.learn(entry.change.item.attributes)
        return growing.types
    except GalleryError:
        return {}  # there is no snapshot, or none that can be read


def _embedded(
    rows: Sequence[SourceRow],
    gallery: Path,
    encoder: Encoder,
    chunks: EmbeddedChunks,
    private_hosts: bool,
    progress: Report,
) -> Embedded:
    begun, images = time.monotonic(), sum(1 + len(row.further) for row in rows)
    progress(Progress("embed", 0, images, 0.0))
    manifest = encoder.manifest
    known = ReusableVectors.load(gallery, chunks, space_id=manifest.space_id, dimension=manifest.dimension)
    return embed(
        rows,
        encoder,
        known,
        chunks,
        lambda done, unreachable: progress(Progress("embed", done, images, rate(done, begun), unreachable)),
        scratch=gallery,
        private_hosts=private_hosts,
    )
