"""The file of a journal: created with a random id, recognised, and compared with what was acknowledged."""

import sqlite3
from pathlib import Path

from index.storage import snapshot
from index.storage.high_water import HighWater
from index.storage.snapshot import JOURNAL_LOCK
from index.storage.sqlite import Connection, number
from models import files
from models.errors import GalleryBroken, GalleryError

APPLICATION = 0x4C494B45  # "LIKE"
VERSION = 1
SCHEMA = (
    "CREATE TABLE change (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, uri TEXT, content TEXT,"
    " attributes TEXT, space_id TEXT, vector BLOB, checksum INTEGER NOT NULL)",
    "CREATE TABLE pruned (through INTEGER NOT NULL)",
    "INSERT INTO pruned VALUES (0)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)
IDENTITY = (  # older journals have none
    "CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL)",
    "INSERT INTO identity SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM identity)",
)
HAS_IDENTITY = "SELECT count(*) FROM sqlite_schema WHERE name = 'identity'"


def prepare(path: Path, busy_s: float) -> None:
    """Creates the journal at `path` if there is none; raises GalleryBroken if the file is something else."""
    preparing = Connection(path, busy_s=busy_s)
    try:
        with preparing.held() as connection:
            new = is_new(connection, path)
        if new:
            _create(preparing, path, busy_s)
        with preparing.held() as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            identified = number(connection, HAS_IDENTITY) > 0
        if not identified and snapshot.is_writable(path.parent):
            with preparing.transaction("IMMEDIATE") as connection:
                for statement in IDENTITY:
                    connection.execute(statement)
    finally:
        preparing.close()


def is_new(connection: sqlite3.Connection, path: Path) -> bool:
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


def identity(connection: sqlite3.Connection) -> str:
    """The random id of the journal; "" if an older version made it and it could not be written since."""
    if not number(connection, HAS_IDENTITY):
        return ""
    (id,) = connection.execute("SELECT id FROM identity").fetchone() or ("",)
    return str(id)


def live_through(gallery: Path) -> int:
    """The number of the last change that the live snapshot holds; 0 if there is no readable one."""
    try:
        return snapshot.live_manifest(gallery).through
    except GalleryError:
        return 0


def require_complete(path: Path, *, id: str, last: int, mark: HighWater | None, through: int) -> None:
    """Raises GalleryBroken if the journal of that id is another gallery's, or lacks acknowledged changes.

    These are the changes up to the mark, and up to the `through` of the snapshot. A journal that does not exist has
    the id "" and the last change 0.
    """
    repair = f"`likebut index repair {path.parent}`"
    if mark is not None and (mark.seq or last) and id not in ("", mark.journal):
        raise GalleryBroken(
            f"{path} is the journal of another gallery: put this gallery's own back; or move it away and give up this"
            f" gallery's changes since its snapshot with {repair}"
        )
    acknowledged = max(through, 0 if mark is None else mark.seq)
    if last < acknowledged:
        raise GalleryBroken(
            f"{path} ends with change {last}, but {acknowledged} were made: put it back with its -wal as it was, or"
            f" give up the lost changes with {repair}"
        )


def _create(preparing: Connection, path: Path, busy_s: float) -> None:
    """Creates the tables, unless another process did so meanwhile."""
    busy = GalleryError(f"{path} is being created by another process for too long: try again")
    # SQLite does not wait if two processes switch to the write-ahead file at once
    with files.lock(path.with_name(JOURNAL_LOCK), timeout_s=busy_s, busy=busy):
        with preparing.held() as connection:
            if not is_new(connection, path):
                return
            connection.execute("PRAGMA journal_mode = WAL")
        with preparing.transaction("IMMEDIATE") as connection:
            for statement in (*SCHEMA, *IDENTITY):
                connection.execute(statement)
