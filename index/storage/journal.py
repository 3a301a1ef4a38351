"""The journal: a gallery's changes since its snapshot, in SQLite, on the disk before they are acknowledged.

Seqs have no gaps, also across processes and restarts, so a change that is lost to damage is noticed when it is read.
SQLite holds its locks by descriptors of the file: a process that has the journal open must not open and close
`journal.sqlite` by any other way, which would silently give these locks free.
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from index.storage.changes import Change, Entry, Row, Upsert, Vector, packed, unpacked
from index.storage.snapshot import JOURNAL, JOURNAL_LOCK
from index.storage.sqlite import Connection, number
from models import files
from models.errors import GalleryBroken, GalleryError, SnapshotOutdated

APPLICATION = 0x4C494B45  # "LIKE"
VERSION = 1
BUSY_S = 5.0
SCHEMA = (
    "CREATE TABLE change (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, uri TEXT, content TEXT,"
    " attributes TEXT, space_id TEXT, vector BLOB, checksum INTEGER NOT NULL)",
    "CREATE TABLE pruned (through INTEGER NOT NULL)",
    "INSERT INTO pruned VALUES (0)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)

COLUMNS = "seq, id, uri, content, attributes, space_id, vector, checksum"
WRITE = f"REPLACE INTO change ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
SINCE = f"SELECT {COLUMNS} FROM change WHERE seq > ? ORDER BY seq"
ONE = f"SELECT {COLUMNS} FROM change WHERE seq = ?"
FOREIGN = (
    f"SELECT {COLUMNS} FROM change WHERE seq IN (SELECT max(seq) FROM change GROUP BY id)"
    " AND vector IS NOT NULL AND space_id <> ? ORDER BY seq"
)
LAST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'change'"  # also when every row is pruned
PRUNED = "SELECT through FROM pruned"


class Journal:
    """An opened journal; safe to use from many threads, beside other processes that have it open too."""

    def __init__(self, path: Path, *, busy_s: float, frozen: bool = False) -> None:
        self.path = path
        self.gallery = path.parent
        self._writing = Connection(path, busy_s=busy_s, frozen=frozen)
        self._reading = Connection(path, busy_s=busy_s, frozen=frozen)
        # alone, so that a search that asks for `last` never waits for a long read
        self._asking = Connection(path, busy_s=busy_s, frozen=frozen)

    @classmethod
    def open(cls, gallery: Path, *, busy_s: float = BUSY_S) -> "Journal":
        """The journal of the gallery at `gallery`, made where there is none; others may hold it up for `busy_s`.

        Raises GalleryBroken where the file is damaged, foreign or of a newer version, and GalleryError where it
        cannot be opened for writing.
        """
        path = gallery / JOURNAL
        _prepare(path, busy_s)
        files.sync(gallery)  # whoever made the file: its name is on the disk before a change is acknowledged
        return cls(path, busy_s=busy_s)

    def append(self, changes: Sequence[Change]) -> int:
        """Writes all the changes or none, and gives the seq of the last; they are on the disk when it returns.

        Raises InputError for a change that cannot be written, GalleryError where the disk takes no more, the file is
        read-only, or others hold it for too long.
        """
        if not changes:
            return self.last()
        with self._writing.transaction("IMMEDIATE") as connection:
            before = number(connection, LAST)
            # the checksum covers the seq, so we number ourselves, as AUTOINCREMENT would
            entries = (Entry(seq, change) for seq, change in enumerate(changes, start=before + 1))
            connection.executemany(WRITE, [packed(entry) for entry in entries])
        self._writing.checkpoint()
        return before + len(changes)

    def last(self) -> int:
        """The seq of the newest change that any process made, 0 before the first; costs a few microseconds."""
        with self._asking.held() as connection:
            return number(connection, LAST)

    def pruned(self) -> int:
        """The seq up to which changes are no longer kept, since a snapshot holds them; 0 where all are kept."""
        with self._reading.held() as connection:
            return number(connection, PRUNED)

    def since(self, seq: int) -> list[Entry]:
        """The changes after `seq`, in order, each checked.

        Raises SnapshotOutdated where some of them are pruned, and GalleryBroken where one is damaged or missing.
        """
        with self._reading.transaction("DEFERRED") as connection:
            through, last = number(connection, PRUNED), number(connection, LAST)
            found: list[Row] = connection.execute(SINCE, (seq,)).fetchall()
        if last < max(seq, through):
            raise GalleryBroken(
                f"{self.path} ends with change {last}, but {max(seq, through)} were made: put the gallery's own"
                " journal back, or move this one away and rebuild the gallery"
            )
        if seq < through:
            raise SnapshotOutdated(
                f"{self.path} keeps the changes after {through}, not those after {seq}: open the newer snapshot"
            )
        entries = [self._checked(row) for row in found]
        missing = set(range(seq + 1, last + 1)).difference(entry.seq for entry in entries)
        if missing:
            raise self._damaged(min(missing), "it is missing")
        return entries

    def prune(self, through: int) -> None:
        """Forgets the changes up to the seq `through`, which a live snapshot holds."""
        with self._writing.transaction("IMMEDIATE") as connection:
            through = min(through, number(connection, LAST))
            connection.execute("DELETE FROM change WHERE seq <= ?", (through,))
            connection.execute("UPDATE pruned SET through = max(through, ?)", (through,))
        self._writing.checkpoint()

    def foreign(self, space_id: str) -> list[Entry]:
        """The upserts with a vector of another space, but for those that a later change of their id takes away."""
        with self._reading.held() as connection:
            found: list[Row] = connection.execute(FOREIGN, (space_id,)).fetchall()
        return [self._checked(row) for row in found]

    def restate(self, vectors: Mapping[int, Vector], space_id: str) -> None:
        """Gives the upserts of these seqs their vectors in the space, all or none; what was pruned is passed over.

        Entries that were read before stay as they were: read them again. Raises as `append` does.
        """
        with self._writing.transaction("IMMEDIATE") as connection:
            for seq, vector in vectors.items():
                rows: list[Row] = connection.execute(ONE, (seq,)).fetchall()
                for change in (self._checked(row).change for row in rows):
                    if isinstance(change, Upsert):
                        fresh = Upsert(change.item, change.content, space_id, vector)
                        connection.execute(WRITE, packed(Entry(seq, fresh)))
        self._writing.checkpoint()

    def close(self) -> None:
        """Gives the file free; a journal that is closed answers nothing more."""
        for connection in (self._asking, self._reading, self._writing):
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _checked(self, row: Row) -> Entry:
        try:
            return unpacked(row)
        except ValueError as error:
            raise self._damaged(row[0], str(error)) from error

    def _damaged(self, seq: int, what: str) -> GalleryBroken:
        return GalleryBroken(
            f"change {seq} of {self.path} is damaged ({what}): put a backup of the journal back, or move it with its"
            " -wal away and rebuild the gallery"
        )


class ReadOnlyJournal:
    """The journal of a folder that we cannot write: the changes there were when it was opened; none can be made."""

    def __init__(self, gallery: Path, entries: Sequence[Entry] = (), *, pruned: int = 0) -> None:
        """`entries` are all changes after the seq `pruned`."""
        self.gallery = gallery
        self._entries = entries
        self._pruned = pruned

    @classmethod
    def read(cls, gallery: Path) -> "ReadOnlyJournal":
        """What the journal holds that nobody has open; raises GalleryBroken where it is damaged or foreign."""
        path = gallery / JOURNAL
        preparing = Connection(path, busy_s=BUSY_S, frozen=True)
        try:
            with preparing.held() as connection:
                if _is_new(connection, path):
                    return cls(gallery)
        finally:
            preparing.close()
        with Journal(path, busy_s=BUSY_S, frozen=True) as journal:
            pruned = journal.pruned()
            return cls(gallery, journal.since(pruned), pruned=pruned)

    def append(self, changes: Sequence[Change]) -> int:
        """Raises GalleryError."""
        raise GalleryError(f"{self.gallery} cannot be written: give this process the right to, and open it again")

    def last(self) -> int:
        """The seq of the newest change."""
        return self._pruned + len(self._entries)

    def since(self, seq: int) -> list[Entry]:
        """The changes after `seq`; raises SnapshotOutdated where some of them are pruned."""
        if seq < self._pruned:
            raise SnapshotOutdated(f"the journal of {self.gallery} keeps the changes after {self._pruned}, not {seq}")
        return list(self._entries[seq - self._pruned :])

    def foreign(self, space_id: str) -> list[Entry]:
        """None that could be embedded again and kept."""
        return []

    def restate(self, vectors: Mapping[int, Vector], space_id: str) -> None:
        """There is nothing to restate."""

    def close(self) -> None:
        """Holds nothing."""


def open_journal(gallery: Path) -> Journal | ReadOnlyJournal:
    """The journal of a gallery, made where there is none and the folder can be written; raises as Journal.open.

    Of a folder that cannot be written it is read once, or followed where another process has it open.
    """
    path = gallery / JOURNAL
    # a write-ahead file is there as long as somebody has it open, and then SQLite need not make one to read along
    if os.access(gallery, os.W_OK) or path.with_name(f"{JOURNAL}-wal").exists():
        return Journal.open(gallery)
    return ReadOnlyJournal.read(gallery) if path.exists() else ReadOnlyJournal(gallery)


def _prepare(path: Path, busy_s: float) -> None:
    """Sees to it that a journal of ours is at `path`; raises GalleryBroken where it is something else."""
    preparing = Connection(path, busy_s=busy_s)
    try:
        with preparing.held() as connection:
            new = _is_new(connection, path)
        if new:
            _create(preparing, path, busy_s)
        with preparing.held() as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
    finally:
        preparing.close()


def _create(preparing: Connection, path: Path, busy_s: float) -> None:
    """Creates the tables, unless another process did so meanwhile."""
    busy = GalleryError(f"{path} is being created by another process for too long: try again")
    # SQLite does not wait if two processes switch to the write-ahead file at once
    with files.lock(path.with_name(JOURNAL_LOCK), timeout_s=busy_s, busy=busy):
        with preparing.held() as connection:
            if not _is_new(connection, path):
                return
            connection.execute("PRAGMA journal_mode = WAL")
        with preparing.transaction("IMMEDIATE") as connection:
            for statement in SCHEMA:
                connection.execute(statement)


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    """True where the file is still empty, False where it is a journal that we read."""
    application = number(connection, "PRAGMA application_id")
    version = number(connection, "PRAGMA user_version")
    if (application, version, number(connection, "SELECT count(*) FROM sqlite_schema")) == (0, 0, 0):
        return True
    if application != APPLICATION:
        raise GalleryBroken(f"{path} is an SQLite file of something else: move it away and open the gallery again")
    if version != VERSION:
        raise GalleryBroken(
            f"{path} is of version {version}, we read {VERSION}: update likebut, or rebuild the gallery"
        )
    return False
