"""Sets the number of probed lists of a live snapshot for another recall."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from index.build.publish import publish
from index.build.snapshot_writer import translate_os_errors
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.manifest import SCHEMA_VERSION, SnapshotManifest
from index.storage.open_snapshot import OpenSnapshot
from index.vectors.probing import tuned
from index.vectors.recall import RecallProbe


def tune(gallery: Path, *, goal: float) -> SnapshotManifest:
    """Measures how many lists reach the recall@10 on composed queries, and publishes a snapshot that probes them.

    A snapshot is never changed, so the new one links to the same files and takes no space. Raises GalleryMissing,
    GalleryBroken, JobRunning while a build runs, and GalleryError if the disk is full.
    """
    with (
        translate_os_errors(gallery, otherwise="tune again"),
        snapshot.build_lock(gallery),
        Journal.open(gallery) as journal,
    ):
        live = snapshot.live(gallery)
        ranking = OpenSnapshot.open(live).ranking
        probe = RecallProbe.open(live.path / snapshot.PROBE)
        created = datetime.now(UTC)
        facts = {
            "schema_version": SCHEMA_VERSION,  # of another manifest than the live one's, perhaps
            "name": snapshot.new_name(created),
            "created": created,
            "widened": None,
            **asdict(tuned(ranking, probe, goal)),
        }
        with snapshot.draft(gallery) as folder:
            for entry in live.manifest.entries:
                os.link(live.path / entry.file, folder / entry.file)
            made = snapshot.seal(folder, live.manifest.model_copy(update=facts))
        publish(gallery, made, journal)
        return made.manifest
