"""A connection to an SQLite file, used by one thread at a time; SQLite's errors are raised as ours."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.errors import GalleryBroken, GalleryError, GalleryReadOnly

CHECKPOINT_BYTES = 4 * 1024 * 1024  # of the write-ahead file, before it is carried into the database
CHECKPOINT_BUSY_S = 0.1


class Connection:
    """One connection to the file at `path`, created if there is none; a commit returns when it is on the disk.

    Its methods raise GalleryBroken if the file is damaged, and GalleryError if the disk is full, the file cannot be
    opened or written, or others hold it for longer than `busy_s`. A `frozen` file is read with its write-ahead file, if
    any, but without a lock, as if no process wrote it: SQLite's other modes create files beside it.
    """

    def __init__(self, path: Path, *, busy_s: float, frozen: bool = False) -> None:
        self.path = path
        self._busy_s = busy_s
        self._lock = threading.Lock()
        has_wal = frozen and path.with_name(f"{path.name}-wal").exists()
        options = "mode=ro&vfs=unix-none" if has_wal else "immutable=1"  # immutable ignores a write-ahead file
        with _translate_errors(path):
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{options}" if frozen else path,
                uri=frozen,
                timeout=busy_s,
                isolation_level=None,
                check_same_thread=False,
            )
            if frozen:
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # so that it needs no shared memory
            self._connection.text_factory = _text
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")

    @contextmanager
    def held(self) -> Iterator[sqlite3.Connection]:
        """Yields the connection, for one thread alone."""
        with self._lock, _translate_errors(self.path):
            yield self._connection

    @contextmanager
    def transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        """Yields the connection in a transaction (DEFERRED to read, IMMEDIATE to write), rolled back on any error."""
        with self.held() as connection:
            try:
                connection.execute(f"BEGIN {kind}")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself rolls back if the disk is full
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise

    def checkpoint(self) -> None:
        """Carries a write-ahead file that has grown into the database; what was committed is durable even before.

        SQLite's own checkpoints are off, since before 3.51.3 they may lose pages when another process commits at
        that moment (its "WAL-reset bug"): TRUNCATE holds the writers off.
        """
        try:
            if self.path.with_name(f"{self.path.name}-wal").stat().st_size < CHECKPOINT_BYTES:
                return
        except FileNotFoundError:
            return
        # if it fails for a reader or a full disk, the next commit tries again
        with self._lock, suppress(sqlite3.Error):
            self._connection.execute(f"PRAGMA busy_timeout = {int(CHECKPOINT_BUSY_S * 1000)}")
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {int(self._busy_s * 1000)}")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()


def _text(data: bytes) -> str:
    """Return a text as it is, or with other characters if it is damaged: the checksum of its row tells."""
    return data.decode("utf-8", "replace")


def number(connection: sqlite3.Connection, query: str) -> int:
    """The single integer of a query's result; raises sqlite3.DatabaseError for anything else."""
    row: tuple[object] | None = connection.execute(query).fetchone()
    if row is None or not isinstance(row[0], int):
        raise sqlite3.DatabaseError(f"`{query}` gives no number")
    return row[0]


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _ours(path, error) from error


def _ours(path: Path, error: sqlite3.Error) -> GalleryError:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # the low byte tells the kind
    if isinstance(error, sqlite3.ProgrammingError):
        return GalleryError(f"{path} is closed ({error}): open the gallery again")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return GalleryError(f"{path} takes no more ({error}): make room on its disk and try again")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return GalleryError(f"{path} is held by others for too long ({error}): try again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return GalleryReadOnly(f"{path} cannot be written ({error}): let this process read and write {path.parent}")
    return GalleryBroken(
        f"{path} is damaged ({error}): put a backup of it back; or move it with its -wal away, and give up its changes"
        f" with `likebut index repair {path.parent}`"
    )
