"""Pulls the live snapshot of a model's space from a place: only the files that this machine lacks, in one step live."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from index import uploads
from index.build.snapshot_writer import translate_os_errors
from index.replicas import images, pushed
from index.replicas.place import Place
from index.storage import snapshot
from index.storage.manifest import MANIFEST, FileEntry, SnapshotManifest, dump
from models import files
from models.bundle import Bundle
from models.errors import GalleryBroken, GalleryError, SourceError, SpaceMismatch

THREADS = 8
PART = ".part"


@dataclass(frozen=True, slots=True)
class Pulled:
    """Result of a pull: the live snapshot, and the number and bytes of the files that were brought."""

    snapshot: str
    items: int
    brought: int
    brought_bytes: int


def pull(place: Place, gallery: Path, bundle: Bundle, *, checked: str = "") -> Pulled:
    """Makes the live snapshot of the bundle's space in the place that of a replica; the last three stay.

    Nothing is done if it is live already and is the `checked` one, whose files an earlier pull has read. A pull that
    was killed is gone on with by the next. Raises SpaceMismatch if the place has no snapshot of the space, JobRunning,
    GalleryError and SourceError; then the replica is as it was.
    """
    claim(gallery, place)
    with translate_os_errors(gallery, otherwise="pull again"), snapshot.lock(gallery):
        manifest = _live(place, bundle)
        path = gallery / snapshot.SNAPSHOTS / manifest.name
        brought = list[int]()
        if manifest.name != checked or manifest.name != snapshot.current(gallery):
            if not _is_whole(path):
                brought += _bring(place, gallery, manifest)
            brought += _bring_images(place, gallery, manifest)
            snapshot.publish(gallery, manifest.name)
            kept = snapshot.retire(gallery)
            used = {digest for each in kept for digest in images.uploaded(gallery / snapshot.SNAPSHOTS / each.name)}
            uploads.remove_unused(gallery, used)
        return Pulled(manifest.name, manifest.count, len(brought), sum(brought))


def claim(gallery: Path, place: Place) -> None:
    """Makes a folder that holds no gallery of its own a replica of the place; raises GalleryError."""
    if snapshot.origin(gallery) == place.name:
        return
    if not snapshot.origin(gallery):
        for path in snapshot.own_paths(gallery):
            if path.name != snapshot.LOCK and path.exists():
                raise GalleryError(
                    f"{gallery} holds a gallery of its own ({path.name}), which a pull would replace: name another"
                    " folder"
                )
    gallery.mkdir(parents=True, exist_ok=True)
    files.write(gallery / snapshot.REPLICA, f"{place.name}\n")


def _live(place: Place, bundle: Bundle) -> SnapshotManifest:
    """The manifest of the live snapshot of the bundle's space."""
    space, names = bundle.manifest.space_id, pushed.live_names(place)
    if space in names:
        return pushed.manifest(place, names[space])
    if not names:
        raise SourceError(f"{place.name} holds no gallery: push one with `likebut index push GALLERY {place.name}`")
    others = ", ".join(f"{name} of {pushed.manifest(place, name).model_id}" for name in names.values())
    raise SpaceMismatch(
        f"{place.name} has no snapshot for the bundle {bundle.path} ({bundle.manifest.model_id}, of space"
        f" {space[:12]}): it has {others}; name that model's bundle with --bundle, or push a gallery that"
        " was built with this one"
    )


def _is_whole(path: Path) -> bool:
    """True if every file of the snapshot at `path` is there and has its digest."""
    if not path.exists():
        return False
    try:
        snapshot.checked(path)
    except GalleryBroken:
        return False
    return True


def _bring(place: Place, gallery: Path, manifest: SnapshotManifest) -> list[int]:
    """Writes the files of a snapshot beside the others, and renames their folder once all are whole.

    Returns the sizes of those that came from the place.
    """
    folder, target = gallery / snapshot.PULLING / manifest.name, gallery / snapshot.SNAPSHOTS / manifest.name
    for other in (gallery / snapshot.PULLING).glob("*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    here = {
        entry.sha256: gallery / snapshot.SNAPSHOTS / kept.name / entry.file
        for kept in snapshot.kept_snapshots(gallery)
        for entry in kept.entries
    }
    missing = [entry for entry in manifest.entries if not _is_here(folder, entry, here.get(entry.sha256))]
    need, free = sum(entry.bytes for entry in missing), shutil.disk_usage(gallery).free
    if need > free:
        raise GalleryError(f"{need:,} bytes are to be brought to {gallery}, and {free:,} are free: make room")
    with ThreadPoolExecutor(THREADS, thread_name_prefix="pull") as pool:
        list(pool.map(partial(_fetch, place, folder), missing))
    (folder / MANIFEST).write_text(dump(manifest), encoding="utf-8")
    if target.exists():  # damaged
        (target / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(target)
    target.parent.mkdir(exist_ok=True)
    files.settle(folder, target)
    return [entry.bytes for entry in missing]


def _is_here(folder: Path, entry: FileEntry, here: Path | None) -> bool:
    """True if a file of the snapshot is in the folder, perhaps as a link to `here`, its copy in another snapshot."""
    if not (folder / entry.file).exists() and here is not None:
        with suppress(OSError):
            os.link(here, folder / entry.file)
    try:
        snapshot.check(folder, entry)
    except GalleryBroken:
        (folder / entry.file).unlink(missing_ok=True)
        return False
    return True


def _fetch(place: Place, folder: Path, entry: FileEntry) -> None:
    """Brings a file, from where an earlier pull ended; raises SourceError."""
    part = folder / f"{entry.file}{PART}"
    for _ in range(2):  # what a killed machine has left may be damaged
        with part.open("ab") as file:
            place.append(f"{pushed.FILES}/{entry.sha256}", file)
        if part.stat().st_size == entry.bytes and files.digest(part) == entry.sha256:
            part.replace(folder / entry.file)
            return
        part.unlink()
    raise SourceError(
        f"{pushed.FILES}/{entry.sha256} of {place.name} is not as it was pushed: remove it, and push again"
    )


def _bring_images(place: Place, gallery: Path, manifest: SnapshotManifest) -> list[int]:
    """Brings the uploaded images of the items that are not here, and returns their sizes."""

    def fetch(digest: str) -> int:
        path = uploads.path_of_content(gallery, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as part:
            with part.open("ab") as file:
                place.append(f"{pushed.UPLOADED}/{digest}", file)
            if files.digest(part) != digest:
                raise SourceError(
                    f"{pushed.UPLOADED}/{digest} of {place.name} is not as it was pushed: remove it, and push again"
                )
        return path.stat().st_size

    digests = pushed.uploaded(place, manifest.name)
    missing = [digest for digest in digests if not uploads.path_of_content(gallery, digest).exists()]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="pull") as pool:
        return list(pool.map(fetch, missing))
