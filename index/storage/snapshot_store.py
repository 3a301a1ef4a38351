"""A gallery in a folder: a snapshot that is opened once, and the journal's changes in memory above it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from index.storage import high_water, snapshot
from index.storage.changes import Delete, Entry, Upsert
from index.storage.journal import Append, Journal
from index.storage.open_snapshot import OpenSnapshot
from index.storage.overlay import OverlayState
from index.storage.read_only_journal import ReadOnlyJournal, open_journal
from index.storage.snapshot import Snapshot
from index.storage.view import RowView
from models.errors import SnapshotOutdated

AnyJournal: TypeAlias = Journal | ReadOnlyJournal


class SnapshotStore:
    """One opened snapshot with its changes."""

    def __init__(self, live: Snapshot, base: OpenSnapshot, journal: AnyJournal) -> None:
        self.manifest = live.manifest
        self.base = base
        self.journal = journal
        self._overlay = base.overlay(live.manifest)

    @classmethod
    def open(cls, path: Path, live: Snapshot, journal: AnyJournal | None, *, gpus: bool) -> "SnapshotStore":
        """Opens a checked snapshot and the changes since; raises GalleryBroken."""
        store = cls(live, OpenSnapshot.open(live, gpus=gpus), journal or open_journal(path))
        store._catch_up()  # so that a damaged journal is noticed now and not by a search
        return store

    @property
    def folder(self) -> Path:
        return self.journal.gallery

    @property
    def missing(self) -> Sequence[str]:
        return self.base.missing

    @property
    def changes(self) -> int:
        return self._overlay.state.through - self.manifest.through

    def contents(self) -> RowView:
        state = self._overlay.state
        if self.journal.acknowledged() > state.through:
            state = self._catch_up()
        return RowView(self.base, state)

    def _catch_up(self) -> OverlayState:
        """The items after every change that the journal has; raises GalleryBroken if one of them is lost."""
        through = self._overlay.state.through
        return self._overlay.apply(self._without_foreign(entry) for entry in self.journal.since(through))

    def _without_foreign(self, entry: Entry) -> Entry:
        """Hides an item whose vector is of another space until `edits.restate` has embedded it again."""
        foreign = isinstance(entry.change, Upsert) and entry.change.space_id != self.manifest.space_id
        return Entry(entry.seq, Delete(entry.change.id)) if foreign else entry

    @contextmanager
    def transaction(self) -> Iterator[tuple[RowView, Append]]:
        """Keep it short: other processes wait for it. Raises SnapshotOutdated if another snapshot is live."""
        with self.journal.transaction() as append:
            live = snapshot.current(self.folder)
            if live != self.manifest.name:  # an item of this one may be older than the live one's
                raise SnapshotOutdated(f"the snapshot {live} is live, and {self.manifest.name} is open: open it again")
            yield RowView(self.base, self._catch_up()), append  # with changes not yet acknowledged, too

    def check_writable(self) -> None:
        snapshot.check_writable(self.folder)

    def require_in_place(self) -> None:
        self.journal.require_in_place()

    def check_health(self) -> None:
        self.journal.require_in_place()
        snapshot.current(self.folder)
        high_water.read(self.folder)

    def close(self) -> None:
        self.journal.close()
