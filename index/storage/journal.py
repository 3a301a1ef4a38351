"""The journal: a gallery's changes since its snapshot, in SQLite, on the disk before they are acknowledged.

The numbers of changes (seq) have no gaps, even across processes and restarts, so a lost change is noticed.
SQLite's locks belong to the process: one that has the journal open must not open and close `journal.sqlite` in any
other way, since that would silently release the locks.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from index.storage import high_water, journal_file, snapshot
from index.storage.changes import Change, Delete, Entry, Row, Upsert, packed, unpacked
from index.storage.high_water import HighWater
from index.storage.snapshot import JOURNAL
from index.storage.sqlite import Connection, number
from models import files
from models.errors import GalleryBroken, GalleryMoved, SnapshotOutdated

BUSY_S = 5.0

COLUMNS = "seq, id, uri, content, attributes, space_id, vector, checksum"
WRITE = f"REPLACE INTO change ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
SINCE = f"SELECT {COLUMNS} FROM change WHERE seq > ? ORDER BY seq"
ONE = f"SELECT {COLUMNS} FROM change WHERE seq = ?"
FOREIGN = (
    f"SELECT {COLUMNS} FROM change WHERE seq IN (SELECT max(seq) FROM change GROUP BY id)"
    " AND vector IS NOT NULL AND space_id <> ? ORDER BY seq"
)
LAST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'change'"  # also when every row is pruned
ROWS = "SELECT coalesce(max(seq), 0) FROM change"
PRUNED = "SELECT through FROM pruned"

NOTHING = Delete("")  # no item has this id

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
        with self._asking.held() as connection:
            self.id = journal_file.identity(connection)
            number(connection, LAST)  # creates the write-ahead file
        opened = () if frozen else (path, path.with_name(f"{JOURNAL}-wal"))
        self._opened = {file: _inode(file) for file in opened}
        self._mark = str(path.with_name(snapshot.HIGH_WATER))
        self._noticed = b"", 0  # the mark, and the seq of the newest change after it was read

    @classmethod
    def open(cls, gallery: Path, *, busy_s: float = BUSY_S) -> "Journal":
        """Open the journal of a gallery, created if there is none; waits up to `busy_s` for other processes.

        Raises GalleryBroken if the file is damaged, foreign, of a newer version, or lacks a change that was
        acknowledged, and GalleryError if it cannot be opened for writing.
        """
        path = gallery / JOURNAL
        with suppress(PermissionError):  # which `unchecked` explains
            if not path.exists() or not path.stat().st_size:
                mark, through = high_water.read(gallery), journal_file.live_through(gallery)
                journal_file.require_complete(path, id="", last=0, mark=mark, through=through)
        journal = cls.unchecked(gallery, busy_s=busy_s)
        try:
            mark, through = high_water.read(gallery), journal_file.live_through(gallery)  # before `last`, which grows
            journal_file.require_complete(path, id=journal.id, last=journal.last(), mark=mark, through=through)
            if snapshot.is_writable(gallery):
                if mark is None or mark.journal != journal.id:
                    high_water.replace(gallery, HighWater(journal.id, journal.last()))
                elif mark.seq < (end := journal._written()):  # a process was killed before it wrote the mark
                    high_water.advance(gallery, HighWater(journal.id, end))
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def unchecked(cls, gallery: Path, *, busy_s: float = BUSY_S) -> "Journal":
        """Open the journal as `open` does, even if changes are lost."""
        path = gallery / JOURNAL
        journal_file.prepare(path, busy_s)
        files.sync(gallery)  # the file's name must be on disk before a change is acknowledged
        return cls(path, busy_s=busy_s)

    def require_in_place(self) -> None:
        """Raises GalleryMoved if the opened files are not those at their paths: what is written would be lost."""
        for file, inode in self._opened.items():
            if _inode(file) != inode:
                raise GalleryMoved(
                    f"{file} was moved, removed or replaced while it was open: put {self.gallery} back as it was;"
                    " nothing is written until then"
                )

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
            self.require_in_place()
            high_water.require_writable(self.gallery)  # after the commit the changes are made
            yield partial(_append, connection)
            last = number(connection, LAST)
        high_water.advance(self.gallery, HighWater(self.id, last))  # by this all processes notice the changes
        self._writing.checkpoint()

    def last(self) -> int:
        """The seq of the newest change that any process made, 0 before the first."""
        with self._asking.held() as connection:
            return number(connection, LAST)

    def acknowledged(self) -> int:
        """The seq of the newest change that any process acknowledged, or of a later one; costs a few microseconds."""
        line = high_water.line(self._mark)
        noticed, last = self._noticed
        if not line or line != noticed:
            last = self.last()
            self._noticed = line, last
        return last

    def _written(self) -> int:
        """The seq of the newest change that was written, whatever SQLite's own table, which may be damaged, says."""
        with self._asking.held() as connection:
            return min(number(connection, LAST), max(number(connection, ROWS), number(connection, PRUNED)))

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
        journal_file.require_complete(self.path, id="", last=last, mark=None, through=max(seq, through))
        if seq < through:
            raise SnapshotOutdated(
                f"{self.path} keeps the changes after {through}, not those after {seq}: open the newer snapshot"
            )
        entries = [self._checked(row) for row in found]
        expected = seq + 1
        for entry in entries:
            if entry.seq != expected:
                break
            expected += 1
        if expected <= last:
            raise self._damaged(expected, "it is missing")
        return entries

    def prune(self, through: int) -> None:
        """Removes the changes up to the seq `through`, which a live snapshot holds."""
        with self._writing.transaction("IMMEDIATE") as connection:
            through = min(through, number(connection, LAST))
            connection.execute("DELETE FROM change WHERE seq <= ?", (through,))
            connection.execute("UPDATE pruned SET through = max(through, ?)", (through,))
        self._writing.checkpoint()

    def fill(self, after: int, last: int) -> list[int]:
        """Puts a change that does nothing for each one after `after` that is missing or damaged; returns their seqs.

        The journal then ends with `last` at least, and holds what a snapshot of the changes up to `after` lacks.
        Earlier changes stay for the older snapshots, unless the journal is empty.
        """
        with self._writing.transaction("IMMEDIATE") as connection:
            # no row was ever written beyond these, so a higher number in SQLite's own table is damaged
            real = max(number(connection, ROWS), number(connection, PRUNED), after, last)
            connection.execute("UPDATE sqlite_sequence SET seq = min(seq, ?) WHERE name = 'change'", (real,))
            end = number(connection, LAST)
            if 0 < end < after:
                fillers = (packed(Entry(seq, NOTHING)) for seq in range(end + 1, after + 1))
                connection.executemany(WRITE, fillers)
            elif end < after:
                connection.execute(WRITE, packed(Entry(after, NOTHING)))  # so that the next numbers follow it
                connection.execute("DELETE FROM change WHERE seq <= ?", (after,))
                connection.execute("UPDATE pruned SET through = ?", (after,))
            lost = []
            begin = max(after, number(connection, PRUNED))
            for seq in range(begin + 1, max(last, number(connection, LAST)) + 1):
                try:
                    (row,) = connection.execute(ONE, (seq,)).fetchall()
                    unpacked(row)
                except ValueError:
                    lost.append(seq)
                    connection.execute(WRITE, packed(Entry(seq, NOTHING)))
        self._writing.checkpoint()
        return lost

    def foreign(self, space_id: str) -> list[Entry]:
        """The upserts with a vector of another space, without those that a later change of their id replaced."""
        with self._reading.held() as connection:
            found: list[Row] = connection.execute(FOREIGN, (space_id,)).fetchall()
        return [self._checked(row) for row in found]

    def restate(self, upserts: Mapping[int, Upsert]) -> None:
        """Replaces the upserts of these seqs by others of the same items, all or none; pruned ones are skipped.

        Entries that were read before do not change: read them again. Raises as `append` does.
        """
        with self._writing.transaction("IMMEDIATE") as connection:
            for seq, fresh in upserts.items():
                rows: list[Row] = connection.execute(ONE, (seq,)).fetchall()
                if any(isinstance(self._checked(row).change, Upsert) for row in rows):
                    connection.execute(WRITE, packed(Entry(seq, fresh)))
        self._writing.checkpoint()

    def close(self) -> None:
        """Closes the file; a closed journal cannot be read any more."""
        self._noticed = b"", 0
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
            f"change {seq} of {self.path} is damaged ({what}): put a backup of the journal back, or give up the"
            f" damaged changes with `likebut index repair {self.gallery}`"
        )


def _append(connection: sqlite3.Connection, changes: Sequence[Change]) -> int:
    before = number(connection, LAST)
    # the checksum covers the seq, so we number ourselves, as AUTOINCREMENT would
    entries = (Entry(seq, change) for seq, change in enumerate(changes, start=before + 1))
    connection.executemany(WRITE, [packed(entry) for entry in entries])
    return before + len(changes)


def _inode(file: Path) -> tuple[int, int] | None:
    """The identity of the file at a path; None if none can be seen there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
