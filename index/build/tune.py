"""Gives a live snapshot another recall, or another encoding, without a build."""

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
from index.vectors import encodings, recoding
from index.vectors.encodings import Encoding
from index.vectors.probing import tuned
from index.vectors.ranking import Ranking
from index.vectors.recall import RecallProbe
from index.vectors.shards import Shards
from models.errors import ConfigError


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


def recode(gallery: Path, encoding: Encoding) -> SnapshotManifest:
    """Publishes a snapshot of the same items and lists in that encoding, tuned for the recall of the live one.

    All files but the shards and the lists are links. Raises ConfigError if it has that encoding, GalleryMissing,
    GalleryBroken, JobRunning while a build runs, and GalleryError if the disk is full.
    """
    with (
        translate_os_errors(gallery, otherwise="recode again"),
        snapshot.build_lock(gallery),
        Journal.open(gallery) as journal,
    ):
        live = snapshot.live(gallery)
        manifest = live.manifest
        if manifest.encoding == encoding:
            raise ConfigError(f"{gallery} is encoded as {encoding} already: choose another encoding")
        exact = OpenSnapshot.open(live).ranking.exact
        with snapshot.draft(gallery) as folder:
            for entry in manifest.files:
                if entry.file != snapshot.LISTS:
                    os.link(live.path / entry.file, folder / entry.file)
            empty = recoding.trained(encodings.read(live.path / snapshot.LISTS), exact.vectors, encoding)
            encodings.write(empty, folder / snapshot.LISTS)
            counts = recoding.write(folder, empty, exact.vectors, live.shards)
            opened = Shards.open([folder / name for name, _ in counts], encoding=encoding)
            probe = RecallProbe.open(live.path / snapshot.PROBE)
            probing = tuned(Ranking(opened, exact, opened.nlist), probe, manifest.recall_goal)
            created = datetime.now(UTC)
            lists = snapshot.entry(folder / snapshot.LISTS)
            facts = {
                "schema_version": SCHEMA_VERSION,
                "name": snapshot.new_name(created),
                "created": created,
                "encoding": encoding,
                "widened": None,
                "shards": tuple(snapshot.shard_entry(folder / name, count) for name, count in counts),
                "files": tuple(lists if entry.file == snapshot.LISTS else entry for entry in manifest.files),
                **asdict(probing),
            }
            made = snapshot.seal(folder, manifest.model_copy(update=facts))
        publish(gallery, made, journal)
        return made.manifest
