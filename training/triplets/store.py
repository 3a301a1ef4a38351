"""Store of every model answer, on disk as soon as it arrives: no request is sent twice, and no kill loses an answer."""

import hashlib
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from models import files
from models.errors import ConfigError, JobRunning
from training.triplets.answers import Reply
from training.triplets.filter import is_blank

FILE = "answers.sqlite"
LOCK = ".lock"

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    image TEXT NOT NULL,        -- SHA-256 of the image's file, or nothing
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""

# In the names of models of version 0, since it stored cut answers too; version 1 names only what whole answers
# depend on.
_LIMIT = re.compile(r" (?:max_tokens=)?(\d+)(?= image_side=\d+$| \+ \w+$|$)")


class Store:
    """The answers of a folder; its methods may be called from many threads."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator["Store"]:
        """Open or create DIR/answers.sqlite for one run alone; raises JobRunning if another run holds it."""
        folder.mkdir(parents=True, exist_ok=True)
        busy = JobRunning(f"another run writes triplets to {folder}: wait until it is done")
        with files.lock(folder / LOCK, timeout_s=0, busy=busy):
            try:
                with closing(sqlite3.connect(folder / FILE, check_same_thread=False, isolation_level=None)) as database:
                    database.execute("PRAGMA journal_mode = WAL")
                    database.execute(
                        "PRAGMA synchronous = FULL"
                    )  # an answer may cost money: a power cut must not lose it
                    database.executescript(_TABLES)
                    _rename_whole_answers(database)
                    yield cls(database)
            except sqlite3.DatabaseError as error:
                raise ConfigError(f"{folder / FILE} cannot be used ({error}): name another folder") from error

    def get(self, key: bytes) -> Reply | None:
        """Return the answer of that key, if there is one that is not blank."""
        with self._lock:
            row: tuple[str, int, int] | None = self._database.execute(
                "SELECT text, prompt_tokens, completion_tokens FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return Reply(*row) if row is not None and not is_blank(row[0]) else None

    def put(self, *, model: str, prompt: str, image: str, attempt: int, reply: Reply, seconds: float) -> None:
        """Store an answer; it is on disk when this returns."""
        answer = (model, prompt, image, attempt, reply.text, reply.prompt_tokens, reply.completion_tokens, seconds)
        values = (key(model=model, prompt=prompt, image=image, attempt=attempt), *answer)
        with self._lock:
            self._database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def refuse(self, key: bytes) -> None:
        """Note that the request of that key was refused; it may still be answered later."""
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO refused VALUES (?)", (key,))

    def refused(self) -> frozenset[bytes]:
        """Return the keys of all requests that were ever refused."""
        with self._lock:
            return frozenset(key for (key,) in self._database.execute("SELECT key FROM refused"))

    def __len__(self) -> int:
        with self._lock:
            count: tuple[int] = self._database.execute("SELECT count(*) FROM answers").fetchone()
        return count[0]


def _rename_whole_answers(database: sqlite3.Connection) -> None:
    """Give the answers of version 0 that were not cut the names and keys of version 1; the others are not read."""
    if database.execute("PRAGMA user_version").fetchone() == (1,):
        return
    database.execute("BEGIN IMMEDIATE")
    read = "SELECT model, prompt, image, attempt, completion_tokens FROM answers WHERE key = ?"
    for old in database.execute("SELECT key FROM answers").fetchall():
        model, prompt, image, attempt, tokens = database.execute(read, old).fetchone()
        limit = _LIMIT.search(model)
        if limit and tokens < int(limit[1]):
            name = _LIMIT.sub("", model)
            new = key(model=name, prompt=prompt, image=image, attempt=attempt)
            database.execute("UPDATE OR IGNORE answers SET key = ?, model = ? WHERE key = ?", (new, name, *old))
    database.execute("PRAGMA user_version = 1")
    database.execute("COMMIT")


def key(*, model: str, prompt: str, image: str, attempt: int) -> bytes:
    """Return the key of a request's answer."""
    digest = hashlib.sha256()
    for part in (model, prompt, image, str(attempt)):
        digest.update(hashlib.sha256(part.encode()).digest())  # of each part alone, so that no two can run together
    return digest.digest()
