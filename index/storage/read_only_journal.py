"""The journal of a folder that cannot be written, and the choice between it and one that can."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from index.storage import high_water, journal_file, snapshot
from index.storage.changes import Entry, Upsert
from index.storage.journal import BUSY_S, Append, Journal
from index.storage.snapshot import JOURNAL
from index.storage.sqlite import Connection
from models.errors import GalleryReadOnly, SnapshotOutdated


class ReadOnlyJournal:
    """The journal of a read-only folder: the changes at the time when it was opened."""

    def __init__(self, gallery: Path, entries: Sequence[Entry] = (), *, pruned: int = 0) -> None:
        """`entries` are all changes after the seq `pruned`."""
        self.gallery = gallery
        self._entries = entries
        self._pruned = pruned

    @classmethod
    def read(cls, gallery: Path) -> "ReadOnlyJournal":
        """Read a journal that no process has open; raises GalleryBroken as Journal.open does."""
        path, mark, through = gallery / JOURNAL, high_water.read(gallery), journal_file.live_through(gallery)
        if not path.exists() or _is_empty(path):
            journal_file.require_complete(path, id="", last=0, mark=mark, through=through)
            return cls(gallery)
        with Journal(path, busy_s=BUSY_S, frozen=True) as journal:
            journal_file.require_complete(path, id=journal.id, last=journal.last(), mark=mark, through=through)
            pruned = journal.pruned()
            return cls(gallery, journal.since(pruned), pruned=pruned)

    def require_in_place(self) -> None:
        """Does nothing, since nothing is written."""

    @contextmanager
    def transaction(self) -> Iterator[Append]:
        """Raises GalleryReadOnly."""
        raise GalleryReadOnly(f"{self.gallery} cannot be written: let this process write it, and start it again")
        yield  # makes this a generator

    def last(self) -> int:
        """The seq of the newest change."""
        return self._pruned + len(self._entries)

    def acknowledged(self) -> int:
        """As `last`."""
        return self.last()

    def since(self, seq: int) -> list[Entry]:
        """The changes after `seq`; raises SnapshotOutdated if some of them were pruned."""
        if seq < self._pruned:
            raise SnapshotOutdated(f"the journal of {self.gallery} keeps the changes after {self._pruned}, not {seq}")
        return list(self._entries[seq - self._pruned :])

    def foreign(self, space_id: str) -> list[Entry]:
        """Nothing, since no vector can be replaced here."""
        return []

    def restate(self, upserts: Mapping[int, Upsert]) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def open_journal(gallery: Path) -> Journal | ReadOnlyJournal:
    """The journal of a gallery, made if there is none and the folder can be written; raises as Journal.open.

    A replica has no changes beside its snapshots. Of another folder that cannot be written the journal is read once, or
    followed while another process has it open.
    """
    path = gallery / JOURNAL
    if snapshot.origin(gallery):
        return ReadOnlyJournal(gallery)  # whatever its snapshots hold of the writer's journal
    # the file -shm is there while a process has it open, and then SQLite need not make one to read along
    if snapshot.is_writable(gallery) or path.with_name(f"{JOURNAL}-shm").exists():
        return Journal.open(gallery)
    return ReadOnlyJournal.read(gallery)


def _is_empty(path: Path) -> bool:
    """True for a file without tables; raises GalleryBroken for one of something else."""
    looking = Connection(path, busy_s=BUSY_S, frozen=True)
    try:
        with looking.held() as connection:
            return journal_file.is_new(connection, path)
    finally:
        looking.close()
