"""Snapshots on disk: written beside, sealed with digests, published by one rename, and checked when opened.

gallery/
  CURRENT              the name of the live snapshot; only ever replaced by a rename
  LOCK                 held by the one build that runs
  CHANGES              the number of the last acknowledged change
  REPLICA              the place from which the snapshots are pulled, if this is a replica
  snapshots/<name>/    immutable; manifest.json is written last, so its presence means complete
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from index import uploads
from index.storage.manifest import MANIFEST, FileEntry, ShardEntry, SnapshotManifest, dump, load
from models import files
from models.bundle import KNOWN_IMAGES
from models.errors import GalleryBroken, GalleryError, GalleryMissing, GalleryReadOnly, JobRunning

CURRENT = "CURRENT"
LOCK = "LOCK"
SNAPSHOTS = "snapshots"
REPLICA = "REPLICA"
PULLING = "pulling"  # the files of a snapshot that is being pulled
JOURNAL = "journal.sqlite"
JOURNAL_FILES = (JOURNAL, f"{JOURNAL}-wal", f"{JOURNAL}-shm")
JOURNAL_LOCK = "journal.lock"  # held while the journal is created
HIGH_WATER = "CHANGES"  # the number of the last acknowledged change
ITEMS = "items.parquet"
FURTHER = "images.parquet"  # the images of items beside the first ones, if any item has such
ATTRIBUTES = "attributes.arrow"
VECTORS = "vectors.npy"
SCALES = "scales.npy"
LISTS = "lists.faiss"  # the trained and empty index that every shard began as
PROBE = "probe.npz"
SKIPPED = "skipped.jsonl"
LEXICAL = "lexical.sqlite"
FILES = (ITEMS, ATTRIBUTES, VECTORS, SCALES, LISTS, PROBE, SKIPPED, LEXICAL)  # beside the shards
OPTIONAL = (FURTHER, KNOWN_IMAGES)  # if an item has such images, and if the bundle describes those that it knows

SNAPSHOTS_KEPT = 3  # snapshots, the live one among them
DRAFT = "draft"
NAME = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot whose files match its manifest, except the shards that are `missing`, if any."""

    path: Path
    manifest: SnapshotManifest
    missing: tuple[str, ...] = ()

    @property
    def shards(self) -> list[Path]:
        """The FAISS files that exist, by number."""
        return [self.path / shard.file for shard in self.manifest.shards if shard.file not in self.missing]


def live(gallery: Path) -> Snapshot:
    """The checked snapshot that CURRENT names; raises GalleryMissing or GalleryBroken."""
    return checked(gallery / SNAPSHOTS / current(gallery))


def live_manifest(gallery: Path) -> SnapshotManifest:
    """The manifest of the live snapshot, its other files unread; raises GalleryMissing or GalleryBroken."""
    return load(gallery / SNAPSHOTS / current(gallery) / MANIFEST)


def current(gallery: Path) -> str:
    """The name of the live snapshot; raises GalleryMissing, GalleryBroken, or GalleryError if it cannot be read."""
    pointer = gallery / CURRENT
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise GalleryMissing(
            f"no gallery is at {gallery}: build one with `likebut index build SOURCE --gallery {gallery}`, or"
            f" make an empty one with `likebut index create {gallery}` and put items"
        ) from error
    except UnicodeDecodeError as error:
        raise GalleryBroken(f"{pointer} cannot be read ({error}): rebuild the gallery") from error
    except OSError as error:
        raise GalleryError(f"{pointer} cannot be read ({error}): give this process the right to") from error
    if not NAME.fullmatch(name):
        raise GalleryBroken(f"{pointer} names no snapshot: write the name of one of {gallery / SNAPSHOTS} into it")
    return name


def checked(path: Path) -> Snapshot:
    """The snapshot at `path`, its manifest and the size and digest of every file checked; raises GalleryBroken."""
    manifest = load(path / MANIFEST)
    if manifest.name != path.name:
        raise GalleryBroken(f"{path / MANIFEST} is that of the snapshot {manifest.name}: roll back or rebuild")
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="digest") as pool:  # hashing leaves Python's lock
        list(pool.map(partial(check, path), manifest.entries))
    return Snapshot(path, manifest)


def salvaged(path: Path) -> Snapshot:
    """As `checked`, but without the shards that are missing or damaged; raises GalleryBroken if none is left."""
    manifest, broken = load(path / MANIFEST), []
    for entry in manifest.files:
        check(path, entry)
    for shard in manifest.shards:
        try:
            check(path, shard)
        except GalleryBroken:
            broken.append(shard.file)
    if len(broken) == len(manifest.shards):
        raise GalleryBroken(f"no shard of {path} is left: roll back or rebuild the gallery")
    return Snapshot(path, manifest, tuple(broken))


def check(path: Path, entry: FileEntry) -> None:
    """Raises GalleryBroken if a file of the snapshot at `path` does not match its manifest."""
    file = path / entry.file
    try:
        size = file.stat().st_size
        if size != entry.bytes:
            raise GalleryBroken(f"{file} has {size} bytes instead of {entry.bytes}: roll back or rebuild")
        if files.digest(file) != entry.sha256:
            raise GalleryBroken(f"{file} was changed after it was written: roll back or rebuild the gallery")
    except OSError as error:
        raise GalleryBroken(f"{file} cannot be read ({error}): roll back or rebuild the gallery") from error


def origin(gallery: Path) -> str:
    """The place from which a replica is pulled, "" for a gallery of its own; raises GalleryError."""
    try:
        return (gallery / REPLICA).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise GalleryError(f"{gallery / REPLICA} cannot be read ({error}): give this process the right to") from error


def is_writable(gallery: Path) -> bool:
    """True if this process may write the gallery's folder, and its journal if there is one; replicas have none."""
    if origin(gallery):
        return False
    journal = [gallery / name for name in (*JOURNAL_FILES, HIGH_WATER)]
    # checked in this order, since another process may remove a file meanwhile
    return os.access(gallery, os.W_OK) and all(os.access(file, os.W_OK) or not file.exists() for file in journal)


def check_writable(gallery: Path) -> None:
    """Raises GalleryReadOnly if the gallery exists and this process may not change it."""
    _check_no_replica(gallery)
    if gallery.is_dir() and not is_writable(gallery):
        raise GalleryReadOnly(
            f"{gallery} cannot be written, only searched: to change it, let this process write the folder and its"
            " journal, and start it again"
        )


def _check_no_replica(gallery: Path) -> None:
    if place := origin(gallery):
        raise GalleryReadOnly(
            f"{gallery} is a replica of the gallery that is pushed to {place}: change that one, and its next push"
            " brings the change here"
        )


def attribute_files(gallery: Path) -> list[Path]:
    """The files of attributes of the kept snapshots, the newest first."""
    return [folder / ATTRIBUTES for folder in reversed(folders(gallery))]


def own_paths(gallery: Path) -> list[Path]:
    """The paths that a gallery writes in its folder; a source in the same folder does not include them."""
    pulled = (REPLICA, PULLING)
    names = (
        CURRENT,
        LOCK,
        HIGH_WATER,
        *JOURNAL_FILES,
        JOURNAL_LOCK,
        SNAPSHOTS,
        uploads.FOLDER,
        uploads.TABLES,
        *pulled,
    )
    return [gallery / name for name in names]


@contextmanager
def build_lock(gallery: Path) -> Iterator[None]:
    """Holds the gallery for one build; the lock of a killed process is free again.

    Raises JobRunning, and GalleryReadOnly for a replica.
    """
    _check_no_replica(gallery)
    with lock(gallery):
        yield


@contextmanager
def lock(gallery: Path) -> Iterator[None]:
    """As `build_lock`, of a replica, too."""
    gallery.mkdir(parents=True, exist_ok=True)
    busy = JobRunning(f"another build of {gallery} is running: wait until it is done")
    with files.lock(gallery / LOCK, timeout_s=0, busy=busy):
        yield


@contextmanager
def draft(gallery: Path) -> Iterator[Path]:
    """Yields an empty folder beside the snapshots to write one into; removed unless it was sealed."""
    (gallery / SNAPSHOTS).mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(gallery / SNAPSHOTS / DRAFT) as folder:
        yield folder


def new_name(created: datetime) -> str:
    """A name that sorts by time (UTC) and is unique even for two snapshots of the same microsecond."""
    return f"{created:%Y%m%dT%H%M%S%fZ}-{os.urandom(4).hex()}"


def entry(path: Path) -> FileEntry:
    """The manifest's entry for a file."""
    return FileEntry(file=path.name, bytes=path.stat().st_size, sha256=files.digest(path))


def shard_entry(path: Path, count: int) -> ShardEntry:
    """The manifest's entry for a shard of `count` images."""
    return ShardEntry(**entry(path).model_dump(), count=count)


def seal(folder: Path, manifest: SnapshotManifest) -> Snapshot:
    """Writes the manifest of a draft, syncs all its files and renames it to the snapshot's name."""
    (folder / MANIFEST).write_text(dump(manifest), encoding="utf-8")
    path = folder.with_name(manifest.name)
    files.settle(folder, path)
    return Snapshot(path, manifest)


def publish(gallery: Path, name: str) -> None:
    """Makes the snapshot of that name live, in one atomic step."""
    files.write(gallery / CURRENT, f"{name}\n")


def folders(gallery: Path) -> Sequence[Path]:
    """The folders of the kept snapshots, the oldest first, readable or not."""
    if not (gallery / SNAPSHOTS).is_dir():
        return []
    return sorted(path for path in (gallery / SNAPSHOTS).iterdir() if NAME.fullmatch(path.name))


def kept_snapshots(gallery: Path) -> list[SnapshotManifest]:
    """The manifests of the kept snapshots, the oldest first, without those that cannot be read."""
    found = []
    for path in folders(gallery):
        try:
            found.append(load(path / MANIFEST))
        except GalleryBroken:
            continue
    return found


def retire(gallery: Path, *, keep: int = SNAPSHOTS_KEPT) -> list[SnapshotManifest]:
    """Removes all but the last `keep` snapshots, never the live one, and the drafts of killed builds.

    Returns the manifests of the others. Call it under the lock. A process that has an old snapshot mapped can go on
    reading it.
    """
    name = current(gallery)
    for left in (gallery / SNAPSHOTS).glob(f".{DRAFT}*"):
        shutil.rmtree(left, ignore_errors=True)
    others = [path for path in folders(gallery) if path.name != name]
    for path in others[: max(0, len(others) - (keep - 1))]:
        (path / MANIFEST).unlink(missing_ok=True)  # first: a half-removed snapshot is never taken for a whole one
        shutil.rmtree(path, ignore_errors=True)
    return kept_snapshots(gallery)
