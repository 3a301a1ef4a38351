"""Folds the changes of the journal into a new snapshot."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from index.build.create import NO_SOURCE
from index.build.publish import publish
from index.build.snapshot_writer import Report, SnapshotOrigin, stage, translate_os_errors, write
from index.items import attribute_file
from index.lexical.words import DEFAULT_NAMES
from index.sources.embedded import Embedded
from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow
from index.sources.vector_file import VectorFile
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.view import RowView
from index.vectors.encodings import DEFAULT_OPTIONS, IndexOptions
from models.arrays import Rows


@dataclass(frozen=True, slots=True)
class Compacted:
    """Result of a compaction: the name of the snapshot, and the number of its items and of the changes in it."""

    snapshot: str
    items: int
    changes: int
    seconds: float
    notes: Sequence[str] = ()  # on attributes whose values had to be made one type


def compact(gallery: Path, *, progress: Report) -> Compacted:
    """Makes a snapshot of the gallery's present items and makes it live; searches and changes go on meanwhile.

    Without any change since the live snapshot there is nothing to make, and that one stays.

    Raises JobRunning while a build runs, GalleryMissing, GalleryBroken, and GalleryError if the disk is full.
    """
    started = time.monotonic()
    with (
        translate_os_errors(gallery, otherwise="compact again"),
        snapshot.build_lock(gallery),
        Journal.open(gallery) as journal,
    ):
        manifest = snapshot.live_manifest(gallery)
        if journal.last() == manifest.through:
            note = f"nothing changed since snapshot {manifest.name}: it stays live"
            return Compacted(manifest.name, manifest.count, 0, time.monotonic() - started, [note])
        live = snapshot.live(gallery)
        manifest, rows = live.manifest, RowView.open(live, journal)
        contents = embedded(rows, gallery)
        notes = _lost_values(rows, contents.rows)
        through = rows.overlay.through
        origin = SnapshotOrigin(manifest.source, manifest.space_id, manifest.model_id, through)
        shape = IndexOptions(len(manifest.shards), manifest.encoding, manifest.recall_goal)
        if manifest.source == NO_SOURCE:  # no build chose these for the items that there are now
            shape = DEFAULT_OPTIONS
        lexical = DEFAULT_NAMES if manifest.lexical is None else manifest.lexical
        source = attribute_file.read_source(live.path / snapshot.ATTRIBUTES)
        sealed, on_types = write(
            gallery,
            contents,
            origin,
            shape,
            progress,
            known=rows.types,
            lexical=lexical,
            source=source,
            known_images=rows.base.known_images,
        )
        notes += on_types
        with stage("publish", 1, progress):
            publish(gallery, sealed, journal)
        changes = through - manifest.through
        return Compacted(sealed.manifest.name, len(contents.rows), changes, time.monotonic() - started, notes)


def embedded(view: RowView, scratch: Path) -> Embedded:
    """The living items in the order of their rows, as a build would have embedded them.

    Their vectors are mapped from a file without a name on the disk of the folder `scratch`.
    """
    overlay, exact = view.overlay, view.base.ranking.exact
    old, numbers = _living(view)
    with VectorFile(scratch, exact.vectors.shape[1]) as stored:
        stored.take(exact.vectors, old)
        stored.append(overlay.vectors[numbers])
        if exact.further is not None:
            stored.take(exact.vectors, exact.further.rows_of(old)[0])
        new = len(numbers)
        if overlay.further is not None:
            further = overlay.further_vectors[overlay.further.rows_of(numbers)[0] - overlay.count]
            stored.append(further)
            new += len(further)
        vectors = stored.mapped()
    return Embedded(present_rows(view), vectors, [], computed=0, new=new)


def present_rows(view: RowView) -> list[SourceRow]:
    """The living items as rows of a source, in the order of their rows."""
    overlay, base = view.overlay, view.base.items
    old, numbers = _living(view)
    rows = [
        SourceRow(
            item.id,
            item.uri,
            item.attributes,
            content=base.content(row),
            fingerprint=base.fingerprint(row),
            further=tuple(base.further_images(row)),
        )
        for row, item in ((row, base.at(row)) for row in old.tolist())
    ]
    for number in numbers.tolist():
        row = number + overlay.start
        item, attributes = overlay.item(row), overlay.columns.at(number)
        content, *others = overlay.contents(row)
        further = tuple(starmap(FurtherImage, zip(item.further, others, strict=True)))
        rows.append(SourceRow(item.id, item.uri, attributes, content=content, further=further))
    return rows


def _living(view: RowView) -> tuple[Rows, Rows]:
    """Living rows of the snapshot (m,), and those of changes (n,), by their numbers among these."""
    living = view.living()
    return living[living < view.overlay.start], living[living >= view.overlay.start] - view.overlay.start


def _lost_values(view: RowView, rows: Sequence[SourceRow]) -> list[str]:
    """A sentence for each attribute with values of another type, written when the attribute had that type."""
    lost: dict[str, list[str]] = {}
    for row in rows:
        number = view.row(row.id)
        assert number is not None
        if number >= view.overlay.start:
            for name in view.overlay.item(number).attributes.keys() - row.attributes.keys():
                lost.setdefault(name, []).append(row.id)
    return [
        f"{len(ids)} values were left out of the attribute {name!r}, which holds values of another type; the first was"
        f" of item {ids[0]!r}: put it again"
        for name, ids in lost.items()
    ]
