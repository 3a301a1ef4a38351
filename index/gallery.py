"""The one face of a gallery: an opened snapshot and the changes since, searched by embedding."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from index.gallery_view import GalleryView
from index.milvus import address
from index.phrases.reading import FactReader
from index.storage import snapshot
from index.storage.changes import Change, Upsert
from index.storage.journal import Append
from index.storage.manifest import SnapshotManifest
from index.storage.snapshot_store import AnyJournal, SnapshotStore
from index.storage.store import GalleryStore
from models.errors import SpaceMismatch


class Gallery:
    """One opened snapshot with its changes, for many threads. Open it again to see a newer snapshot."""

    def __init__(self, store: GalleryStore) -> None:
        self.store = store
        self.facts = FactReader(store.base if isinstance(store, SnapshotStore) else None)

    @classmethod
    def open(cls, path: Path, *, space_id: str, journal: AnyJournal | None = None, gpus: bool = False) -> "Gallery":
        """The live snapshot of the gallery at `path`, every file checked, and the changes since, with `gpus` on GPUs.

        `path` is a folder, or an address of Milvus.
        Raises GalleryMissing, GalleryBroken, or SpaceMismatch if its vectors are not of the space `space_id`.
        """
        if address.is_milvus(path):
            from index.milvus.milvus_store import MilvusStore  # its client is another package

            store = MilvusStore.open(address.parse(path), space_id=space_id)
            _check_space(path, store.manifest, space_id)
            return cls(store)
        live = snapshot.live(path)
        _check_space(path, live.manifest, space_id)
        return cls(SnapshotStore.open(path, live, journal, gpus=gpus))

    @classmethod
    def salvage(cls, path: Path, *, space_id: str) -> "Gallery":
        """Opens one in a folder without the shards that are missing or damaged; every answer names them in a note."""
        if address.is_milvus(path):
            return cls.open(path, space_id=space_id)
        live = snapshot.salvaged(path / snapshot.SNAPSHOTS / snapshot.current(path))
        _check_space(path, live.manifest, space_id)
        return cls(SnapshotStore.open(path, live, None, gpus=False))

    @property
    def manifest(self) -> SnapshotManifest:
        """Facts of the snapshot."""
        return self.store.manifest

    @property
    def folder(self) -> Path:
        """The folder of the images that were sent with items."""
        return self.store.folder

    @property
    def journal(self) -> AnyJournal:
        """The journal of a gallery in a folder."""
        assert isinstance(self.store, SnapshotStore)
        return self.store.journal

    @property
    def missing(self) -> Sequence[str]:
        """The shards that could not be read."""
        return self.store.missing

    @property
    def changes(self) -> int:
        """The number of changes since the snapshot."""
        return self.store.changes

    def view(self) -> GalleryView:
        """All items as of now, with every change that any process acknowledged before."""
        return GalleryView(self.manifest, self.folder, self.store.contents())

    def change(self, changes: Sequence[Change]) -> int:
        """Puts and deletes items; when it returns they are on the disk, and every later view includes them.

        Returns the journal's number of the last change. Raises as Journal.append does, and SpaceMismatch for a vector
        of another space; then nothing has changed.
        """
        with self.transaction() as (_, change):
            return change(changes)

    @contextmanager
    def transaction(self) -> Iterator[tuple[GalleryView, Append]]:
        """Yields the items as of now and a function as `change`; until the end nothing else changes an item.

        Keep it short: other processes wait for it. Raises SnapshotOutdated if another snapshot is live.
        """
        with self.store.transaction() as (contents, append):
            yield GalleryView(self.manifest, self.folder, contents), partial(self._change, append)

    def _change(self, append: Append, changes: Sequence[Change]) -> int:
        space_id, dimension = self.manifest.space_id, self.manifest.dimension
        for change in changes:
            if isinstance(change, Upsert) and any(
                (change.space_id, len(image.vector)) != (space_id, dimension) for image in change.images
            ):
                raise SpaceMismatch(
                    f"the vector of the item {change.id!r} is of the space {change.space_id[:12]}, the gallery of"
                    f" {space_id[:12]}: embed it with the gallery's model"
                )
        return append(changes)


def _check_space(path: Path, manifest: SnapshotManifest, space_id: str) -> None:
    """Raises SpaceMismatch if the vectors of a gallery are not of this space."""
    if manifest.space_id != space_id:
        raise SpaceMismatch(
            f"the gallery {path} was built with another model ({manifest.model_id}, of space"
            f" {manifest.space_id[:12]}; this one is of space {space_id[:12]}): name that model's bundle with"
            f" --bundle, or rebuild with `likebut index build {manifest.source or 'SOURCE'} --gallery"
            f" {path}"
            " --bundle BUNDLE`"
        )
