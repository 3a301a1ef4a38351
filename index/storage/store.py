"""The place of an opened gallery's items and changes, whatever engine that is."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from index.storage.contents import Contents
from index.storage.journal import Append
from index.storage.manifest import SnapshotManifest


class GalleryStore(Protocol):
    """One opened snapshot and the changes since, for many threads."""

    @property
    def manifest(self) -> SnapshotManifest:
        """Facts of the snapshot."""

    @property
    def folder(self) -> Path:
        """The folder of the images that were sent with items."""

    @property
    def missing(self) -> Sequence[str]:
        """The parts that could not be read."""

    @property
    def changes(self) -> int:
        """The number of changes since the snapshot."""

    def contents(self) -> Contents:
        """All items as of now, with every change that any process acknowledged before."""

    def transaction(self) -> AbstractContextManager[tuple[Contents, Append]]:
        """Yields the items as of now and a function that makes changes; until the end nothing else here changes any.

        Raises SnapshotOutdated if another snapshot is live.
        """

    def check_writable(self) -> None:
        """Raises GalleryReadOnly if this process may not change it."""

    def require_in_place(self) -> None:
        """Raises GalleryMoved if what is written would be lost, since it is another gallery that has its name."""

    def check_health(self) -> None:
        """Raises GalleryBroken, GalleryMissing or GalleryMoved if it is not the one that was opened any more."""

    def close(self) -> None:
        """Ends its use; a closed one cannot be read any more."""
