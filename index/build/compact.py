"""The changes of the journal folded into a new snapshot."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.build.embed import Embedded
from index.build.publish import publish
from index.build.snapshot_writer import Report, SnapshotOrigin, stage, translate_os_errors, write
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.view import GalleryView
from index.vectors.encodings import IndexOptions
from index.vectors.exact import Vectors
from models.errors import GalleryError


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction made: the name of the snapshot, how many items it holds, how many changes went into it."""

    snapshot: str
    items: int
    changes: int
    seconds: float


def compact(gallery: Path, *, progress: Report) -> Compacted:
    """Makes a snapshot of what the gallery holds now, and makes it live; searches and changes go on meanwhile.

    Raises JobRunning while a build runs, GalleryMissing, GalleryBroken, and GalleryError where nothing is left of the
    items or the disk takes no more.
    """
    started = time.monotonic()
    with (
        translate_os_errors(gallery, otherwise="compact again"),
        snapshot.build_lock(gallery),
        Journal.open(gallery) as journal,
    ):
        live = snapshot.live(gallery)
        manifest, contents = live.manifest, GalleryView.at(live, journal)
        kept = embedded(contents)
        if not kept.rows:
            raise GalleryError(f"every item of {gallery} is deleted: rebuild it from a source that has some")
        view = contents.view
        origin = SnapshotOrigin(manifest.source, manifest.space_id, manifest.model_id, view.through)
        shape = IndexOptions(len(manifest.shards), manifest.form, manifest.recall_goal)
        made = write(gallery, kept, origin, shape, progress)
        with stage("publish", 1, progress):
            publish(gallery, made, journal)
        return Compacted(
            made.manifest.name, len(kept.rows), view.through - manifest.through, time.monotonic() - started
        )


def embedded(contents: GalleryView) -> Embedded:
    """The living items in the order of their rows, as a build would have embedded them."""
    view, base = contents.view, contents.base.items
    living = contents.rows()
    ours, fresh = living[living < view.start], living[living >= view.start]
    rows = [
        SourceRow(item.id, item.uri, item.attributes, content=base.content(row), fingerprint=base.fingerprint(row))
        for row, item in ((row, base.at(row)) for row in ours.tolist())
    ]
    for row in fresh.tolist():
        item = view.item(row)
        rows.append(SourceRow(item.id, item.uri, item.attributes, content=view.content(row)))
    vectors: Vectors = np.concatenate(
        [contents.base.ranking.exact.vectors[ours], view.vectors[fresh - view.start].astype(np.float16)]
    )
    return Embedded(rows, vectors, [], made=0, new=len(fresh))
