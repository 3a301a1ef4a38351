"""Pushes the live snapshot of a gallery to a place: changes folded in, only the files that are not there yet."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from index import uploads
from index.build.compact import compact
from index.replicas import images, pushed
from index.replicas.place import Place
from index.storage import snapshot
from index.storage.manifest import MANIFEST, SnapshotManifest
from index.storage.read_only_journal import open_journal
from index.storage.snapshot import SNAPSHOTS_KEPT
from models.errors import GalleryBroken, GalleryError, GalleryReadOnly

THREADS = 8
ABANDONED_S = 86_400.0  # since it was written, after which a file that no snapshot names is of a push that died


@dataclass(frozen=True, slots=True)
class Pushed:
    """Result of a push: the live snapshot, and the number and bytes of the files that were sent."""

    snapshot: str
    items: int
    sent: int
    sent_bytes: int


def push(gallery: Path, place: Place) -> Pushed:
    """Makes the live snapshot of a gallery that of its space in the place.

    Changes since the snapshot are folded into a new one first. The place keeps the last three snapshots of the space,
    and those of the space before it, for replicas that still have its model. Raises GalleryError and SourceError.
    """
    _fold(gallery)
    manifest = snapshot.live_manifest(gallery)
    path = gallery / snapshot.SNAPSHOTS / manifest.name
    try:
        wanted = _wanted(gallery, manifest)
        missing = _missing(place, wanted)
        if not missing and pushed.live_names(place).get(manifest.space_id) == manifest.name:
            return Pushed(manifest.name, manifest.count, 0, 0)
        snapshot.checked(path)  # before any of it is sent
        _send(place, {file: wanted[file] for file in missing})
        lost = _missing(place, wanted)  # what another push has removed meanwhile, or what did not arrive whole
        if lost:
            raise GalleryError(f"{lost[0]} is not whole in {place.name}: push again")
        size = sum(wanted[file].stat().st_size for file in missing)
        data = (path / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise GalleryError(f"{error.filename} was removed during the push: push again") from error
    place.write(f"{pushed.SNAPSHOTS}/{manifest.name}{pushed.UPLOADED_SUFFIX}", _digests(wanted).encode())
    place.write(f"{pushed.SNAPSHOTS}/{manifest.name}{pushed.MANIFEST_SUFFIX}", data)
    place.write(f"{pushed.LIVE}/{manifest.space_id}", f"{manifest.name}\n".encode())
    _retire(place, manifest)
    return Pushed(manifest.name, manifest.count, len(missing), size)


def _fold(gallery: Path) -> None:
    """Compacts the changes since the live snapshot, if there are any."""
    manifest = snapshot.live_manifest(gallery)
    with closing(open_journal(gallery)) as journal:
        changes = journal.last() - manifest.through
    if changes <= 0:
        return
    if not snapshot.is_writable(gallery):
        raise GalleryReadOnly(
            f"{gallery} has {changes} changes since its snapshot and cannot be written, to fold them in: push it as a"
            " user who may write it"
        )
    compact(gallery, progress=lambda progress: None)


def _wanted(gallery: Path, manifest: SnapshotManifest) -> dict[str, Path]:
    """The files of a snapshot, and the uploaded images of its items, by their names in a place."""
    folder = gallery / snapshot.SNAPSHOTS / manifest.name
    images_of = {digest: uploads.path_of_content(gallery, digest) for digest in images.uploaded(folder)}
    return {
        **{f"{pushed.FILES}/{entry.sha256}": folder / entry.file for entry in manifest.entries},
        **{f"{pushed.UPLOADED}/{digest}": path for digest, path in images_of.items() if path.exists()},
    }


def _digests(wanted: dict[str, Path]) -> str:
    """The digests of the uploaded images, one a line."""
    names = (file.partition("/") for file in wanted)
    return "".join(f"{digest}\n" for folder, _, digest in names if folder == pushed.UPLOADED)


def _missing(place: Place, wanted: dict[str, Path]) -> list[str]:
    """The names of the files that the place lacks, or has in another size."""
    folders = {file.partition("/")[0] for file in wanted}
    there = {f"{folder}/{name}": size for folder in folders for name, size in place.sizes(folder).items()}
    return [file for file, path in wanted.items() if there.get(file) != path.stat().st_size]


def _send(place: Place, files: dict[str, Path]) -> None:
    def send(file: str) -> None:
        place.send(files[file], file)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="push") as pool:
        list(pool.map(send, files))


def _retire(place: Place, live: SnapshotManifest) -> None:
    """Removes the snapshots that are too old, their files, and those that a push left which died a day ago."""
    manifests = _manifests(place)
    kept = _staying(manifests, place, live)
    for space, name in pushed.live_names(place).items():
        if name not in kept:
            place.remove(f"{pushed.LIVE}/{space}")
    used = {file for name in kept for file in _files(place, manifests[name])}
    unused = {file for name in manifests.keys() - kept for file in _files(place, manifests[name])} - used
    for name in manifests.keys() - kept:
        place.remove(f"{pushed.SNAPSHOTS}/{name}{pushed.MANIFEST_SUFFIX}")  # first: it is never taken for a whole one
        place.remove(f"{pushed.SNAPSHOTS}/{name}{pushed.UPLOADED_SUFFIX}")
    for folder in (pushed.FILES, pushed.UPLOADED):
        for file in (f"{folder}/{name}" for name in place.sizes(folder)):
            if file in unused or (file not in used and place.age_s(file) > ABANDONED_S):
                place.remove(file)


def _manifests(place: Place) -> dict[str, SnapshotManifest]:
    """The manifests that can be read, by their names, the oldest first."""
    suffix, found = pushed.MANIFEST_SUFFIX, {}
    for name in sorted(file.removesuffix(suffix) for file in place.sizes(pushed.SNAPSHOTS) if file.endswith(suffix)):
        with suppress(GalleryBroken):
            found[name] = pushed.manifest(place, name)
    return found


def _staying(manifests: Mapping[str, SnapshotManifest], place: Place, live: SnapshotManifest) -> set[str]:
    """The names of the snapshots that stay: the last of this space and of the space before, and their live ones."""
    spaces = [manifest.space_id for manifest in [*manifests.values()][::-1] if manifest.space_id != live.space_id]
    kept = {live.name}
    for space in (live.space_id, *spaces[:1]):
        names = [name for name, manifest in manifests.items() if manifest.space_id == space]
        kept |= {*names[-SNAPSHOTS_KEPT:], pushed.live_names(place).get(space, live.name)}
    return kept & manifests.keys()


def _files(place: Place, manifest: SnapshotManifest) -> Iterator[str]:
    """The names of the files of a snapshot in a place."""
    yield from (f"{pushed.FILES}/{entry.sha256}" for entry in manifest.entries)
    yield from (f"{pushed.UPLOADED}/{digest}" for digest in pushed.uploaded(place, manifest.name))
