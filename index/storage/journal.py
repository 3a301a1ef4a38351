"""The journal: a gallery's changes since its snapshot, in SQLite, on the disk before they are acknowledged.

The numbers of changes (seq) have no gaps, even across processes and restarts, so a lost change is noticed.
SQLite's locks belong to the process: one that has the journal open must not open and close `journal.sqlite` in any
other way, since that would silently release the locks.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

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

Append: TypeAlias = Callable[[Sequence[Change]], int]  # writes the changes, and returns the seq of the last


class Journal:
    """An opened journal, for many threads; other processes may have it open too."""

    def __init__(self, path: Path, *, busy_s: float, frozen: bool = False) -> None:
        self.path = path
        self.gallery = path.parent
        self._writing = Connection(path, busy_s=busy_s, frozen=frozen)
        self._reading = Connection(path, busy_s=busy_s, frozen=frozen)
        # a connection of its own, so that a search that calls `last` never waits for a long read
        self._asking = Connection(path, busy_s=busy_s, frozen=frozen)

    @classmethod
    def open(cls, gallery: Path, *, busy_s: float = BUSY_S) -> "Journal":
        """Open the journal of a gallery, created if there is none; waits up to `busy_s` for other processes.

        Raises GalleryBroken if the file is damaged, foreign or of a newer version, and GalleryError if it cannot be
        opened for writing.
        """
        path = gallery / JOURNAL
        _prepare(path, busy_s)
        files.sync(gallery)  # the file's name must be on disk before a change is acknowledged
        return cls(path, busy_s=busy_s)

    def append(self, changes: Sequence[Change]) -> int:
        """Writes all the changes or none, and returns the seq of the last; they are on the disk when it returns.

        Raises InputError for a change that cannot be written, and GalleryError if the disk is full, the file is
        read-only, or other processes hold it for too long.
        """
        with self.transaction() as append:
            return append(changes)

    @contextmanager
    def transaction(self) -> Iterator[Append]:
        """Yields a function that appends changes, all or none; no other thread or process appends any until the end.

        What is read in between is therefore still so when the changes are written. Raises as `append` does.
        """
        with self._writing.transaction("IMMEDIATE") as connection:
            yield partial(_append, connection)
        self._writing.checkpoint()

    def last(self) -> int:
        """The seq of the newest change that any process made, 0 before the first; costs a few microseconds."""
        with self._asking.held() as connection:
            return number(connection, LAST)

    def pruned(self) -> int:
        """The seq up to which changes were removed, since a snapshot holds them; 0 if all are kept."""
        with self._reading.held() as connection:
            return number(connection, PRUNED)

    def since(self, seq: int) -> list[Entry]:
        """The changes after `seq`, in order, each checked.

        Raises SnapshotOutdated if some of them were pruned, and GalleryBroken if one is damaged or missing.
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
        """Removes the changes up to the seq `through`, which a live snapshot holds."""
        with self._writing.transaction("IMMEDIATE") as connection:
            through = min(through, number(connection, LAST))
            connection.execute("DELETE FROM change WHERE seq <= ?", (through,))
            connection.execute("UPDATE pruned SET through = max(through, ?)", (through,))
        self._writing.checkpoint()

    def foreign(self, space_id: str) -> list[Entry]:
        """The upserts with a vector of another space, without those that a later change of their id replaced."""
        with self._reading.held() as connection:
            found: list[Row] = connection.execute(FOREIGN, (space_id,)).fetchall()
        return [self._checked(row) for row in found]

    def restate(self, vectors: Mapping[int, Vector], space_id: str) -> None:
        """Replaces the vectors of the upserts of these seqs, all or none; pruned upserts are skipped.

        Entries that were read before do not change: read them again. Raises as `append` does.
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
        """Closes the file; a closed journal cannot be read any more."""
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
    """The journal of a read-only folder: the changes at the time when it was opened."""

    def __init__(self, gallery: Path, entries: Sequence[Entry] = (), *, pruned: int = 0) -> None:
        """`entries` are all changes after the seq `pruned`."""
        self.gallery = gallery
        self._entries = entries
        self._pruned = pruned

    @classmethod
    def read(cls, gallery: Path) -> "ReadOnlyJournal":
        """Read a journal that no process has open; raises GalleryBroken if it is damaged or foreign."""
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

    @contextmanager
    def transaction(self) -> Iterator[Append]:
        """Raises GalleryError."""
        raise GalleryError(f"{self.gallery} cannot be written: give this process the right to, and open it again")
        yield  # makes this a generator

    def last(self) -> int:
        """The seq of the newest change."""
        return self._pruned + len(self._entries)

    def since(self, seq: int) -> list[Entry]:
        """The changes after `seq`; raises SnapshotOutdated if some of them were pruned."""
        if seq < self._pruned:
            raise SnapshotOutdated(f"the journal of {self.gallery} keeps the changes after {self._pruned}, not {seq}")
        return list(self._entries[seq - self._pruned :])

    def foreign(self, space_id: str) -> list[Entry]:
        """Nothing, since no vector can be replaced here."""
        return []

    def restate(self, vectors: Mapping[int, Vector], space_id: str) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def open_journal(gallery: Path) -> Journal | ReadOnlyJournal:
    """The journal of a gallery, made where there is none and the folder can be written; raises as Journal.open.

    Of a folder that cannot be written it is read once, or followed where another process has it open.
    """
    path = gallery / JOURNAL
    # a write-ahead file is there while a process has it open, and then SQLite need not make one to read along
    if os.access(gallery, os.W_OK) or path.with_name(f"{JOURNAL}-wal").exists():
        return Journal.open(gallery)
    return ReadOnlyJournal.read(gallery) if path.exists() else ReadOnlyJournal(gallery)


def _append(connection: sqlite3.Connection, changes: Sequence[Change]) -> int:
    before = number(connection, LAST)
    # the checksum covers the seq, so we number ourselves, as AUTOINCREMENT would
    entries = (Entry(seq, change) for seq, change in enumerate(changes, start=before + 1))
    connection.executemany(WRITE, [packed(entry) for entry in entries])
    return before + len(changes)


def _prepare(path: Path, busy_s: float) -> None:
    """Creates the journal at `path` if there is none; raises GalleryBroken if the file is something else."""
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
    """True if the file is empty, False if it is a journal of our version; raises GalleryBroken for other files."""
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
