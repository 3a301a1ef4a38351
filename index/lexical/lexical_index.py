"""The lexical index of rows: an SQLite file of a snapshot, or in memory for the changes since.

Three tables: `words` is FTS5's inverted index from a word to its rows, `terms` counts the rows of each word, and
`whole` maps the key of each whole value to its rows, so that an exact title, brand, id or SKU is one look-up.
"""

import heapq
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path

import numpy as np

from index.items.items import GalleryItem
from index.lexical.vocabulary import MOST as MOST_FREQUENT
from index.lexical.vocabulary import Vocabulary
from index.lexical.words import DEFAULT_NAMES, key, texts, words
from index.sources.cells import Value
from models.arrays import Rows
from models.errors import ConfigError, GalleryBroken, GalleryError

Item = tuple[str, Mapping[str, Value]]  # id and attributes

CHUNK = 10_000  # items that are prepared in memory at a time
MOST_ITEM_WORDS = 256  # distinct words of one item
SCANNED = 10_000  # words with a prefix that are looked at
SCANNED_CODES = 2_000  # of these, words that go on with a digit
GROWN = 1.05  # times the rows of which the frequent words were read
MOST_IN_MEMORY = 50_000  # items that are indexed in memory when a gallery is opened, within seconds

# detail=none and columnsize=0: rows only, since positions and lengths are not used. The words come without punctuation,
# and the tokenizer `ascii` only splits them at the spaces between them.
TABLES = """
    CREATE VIRTUAL TABLE words USING fts5(item_words, content='', detail=none, columnsize=0, tokenize='ascii');
    CREATE TABLE terms (term TEXT PRIMARY KEY, items INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE whole (key INTEGER, row INTEGER, PRIMARY KEY (key, row)) WITHOUT ROWID;
"""


class LexicalIndex:
    """Words of items by row, for many threads; it holds one connection, which they take in turn."""

    def __init__(self, connection: sqlite3.Connection, names: Sequence[str], count: int, place: str) -> None:
        """`names` are those of the attributes with words, in lower case; `place` is named in errors."""
        self.names = tuple(names)
        self.count = count  # rows
        self._place = place
        self._connection = connection
        self._lock = threading.Lock()
        self._vocabulary: tuple[int, Vocabulary] = 0, Vocabulary([])
        self._vocabulary_lock = threading.Lock()
        weakref.finalize(self, connection.close)

    @classmethod
    def open(cls, path: Path, names: Sequence[str]) -> "LexicalIndex":
        """Opens the file of a snapshot to read; raises GalleryBroken if it is not one of ours."""
        with _translate_errors(str(path)):
            uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA mmap_size = 4294967296")  # pages are shared with other processes
            (count,) = connection.execute("PRAGMA user_version").fetchone()
        index = cls(connection, names, count, str(path))
        index.frequencies(["a"])  # each table is read once, to find out now if one is missing
        index.rows(["a"], [], most=1)
        index.whole(["a"], most=1)
        return index

    @classmethod
    def load(cls, path: Path, names: Sequence[str] | None, items: Collection[GalleryItem]) -> "LexicalIndex | None":
        """The index of a snapshot's items, built in memory if the snapshot has no file of one, for `names` is None.

        Returns None if that would take long. Raises GalleryBroken.
        """
        if names is not None:
            return cls.open(path, names)
        return cls.in_memory(DEFAULT_NAMES, items) if len(items) <= MOST_IN_MEMORY else None

    @classmethod
    def in_memory(cls, names: Sequence[str], items: Iterable[GalleryItem] = ()) -> "LexicalIndex":
        """An index of some items, to add others to."""
        index = cls(_created(":memory:"), names, 0, "the lexical index in memory")
        index.add(0, ((item.id, item.attributes) for item in items))
        return index

    def add(self, row: int, pairs: Iterable[Item]) -> None:
        """Adds items as the rows from `row` on; readers see them at once, so they pass over rows they do not know."""
        items = iter(pairs)
        with self._exclusive() as connection:
            while chunk := list(islice(items, CHUNK)):
                lines: list[tuple[int, str]] = []
                values: set[tuple[int, int]] = set()
                counts: Counter[str] = Counter()
                for number, item in enumerate(chunk, start=row):
                    item_words = self._words(number, item, values)
                    counts.update(item_words)
                    lines.append((number, " ".join(item_words)))
                with connection:
                    connection.execute("BEGIN")
                    connection.executemany("INSERT INTO words (rowid, item_words) VALUES (?, ?)", lines)
                    connection.executemany("INSERT OR IGNORE INTO whole VALUES (?, ?)", sorted(values))
                    connection.executemany(
                        "INSERT INTO terms VALUES (?, ?) ON CONFLICT DO UPDATE SET items = items + excluded.items",
                        sorted(counts.items()),
                    )
                row += len(chunk)
                self.count += len(chunk)

    def _words(self, row: int, item: Item, values: set[tuple[int, int]]) -> list[str]:
        """The distinct words of an item; the keys of its values are added to `values`, with its row."""
        distinct: dict[str, None] = {}
        for _, text in texts(*item, self.names):
            if value_words := words(text):
                values.add((key(value_words), row))
                distinct.update(dict.fromkeys(value_words))
        return list(islice(distinct, MOST_ITEM_WORDS))

    def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """The number of rows of each word that any row has."""
        marks = ", ".join("?" * len(terms))
        with self._exclusive() as connection:
            return dict(connection.execute(f"SELECT term, items FROM terms WHERE term IN ({marks})", terms))

    def rows(self, any_of: Sequence[str], all_of: Sequence[str], *, most: int) -> Rows:
        """The first `most` rows (m,) that have at least one of some words, if there are such, and all of others."""
        parts = [" OR ".join(map(_quoted, any_of)), *map(_quoted, all_of)]
        expression = " AND ".join(f"({part})" for part in parts if part)
        return self._rows("SELECT rowid FROM words WHERE words MATCH ? LIMIT ?", expression, most)

    def whole(self, text_words: Sequence[str], *, most: int) -> Rows:
        """The first `most` rows (m,) of which a whole value has these words."""
        return self._rows("SELECT row FROM whole WHERE key = ? LIMIT ?", key(text_words), most)

    def count_all(self, all_of: Sequence[str], *, most: int) -> int:
        """The number of rows that have all of some words, counted up to `most`."""
        query = "SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT ?)"
        with self._exclusive() as connection:
            (count,) = connection.execute(query, (" AND ".join(map(_quoted, all_of)), most)).fetchone()
        return int(count)

    def count_whole(self, text_words: Sequence[str], *, most: int) -> int:
        """The number of rows of which a whole value has these words, counted up to `most`."""
        query = "SELECT count(*) FROM (SELECT row FROM whole WHERE key = ? LIMIT ?)"
        with self._exclusive() as connection:
            (count,) = connection.execute(query, (key(text_words), most)).fetchone()
        return int(count)

    def completions(self, prefix: str, *, most: int) -> dict[str, int]:
        """The most frequent words that begin with a prefix, with the number of their rows.

        Of a prefix with many words the first ones count; those that go on with a letter are apart from codes, which go
        on with a digit.
        """
        query = (
            "SELECT term, items FROM (SELECT term, items FROM terms WHERE term >= ? AND term < ? LIMIT ?)"
            " ORDER BY items DESC LIMIT ?"
        )
        parts = ((prefix, f"{prefix}:", SCANNED_CODES), (f"{prefix}:", f"{prefix}\U0010ffff", SCANNED))
        with self._exclusive() as connection:
            terms = [pair for part in parts for pair in connection.execute(query, (*part, most))]
        return dict(sorted(terms, key=lambda pair: -pair[1])[:most])

    def vocabulary(self) -> Vocabulary:
        """The frequent words, read once and again when a twentieth of the rows is new."""
        with self._vocabulary_lock:
            count, vocabulary = self._vocabulary
            if self.count > count * GROWN:
                count, vocabulary = self._vocabulary = self.count, Vocabulary(self._frequent_words())
            return vocabulary

    def _frequent_words(self) -> list[str]:
        """The most frequent words, read in parts, so that no search waits for all of them."""
        query = "SELECT term, items FROM terms WHERE term > ? ORDER BY term LIMIT ?"
        frequent: list[tuple[str, int]] = []
        last, part = "", [("", 0)]
        while part:
            with self._exclusive() as connection:
                part = connection.execute(query, (last, CHUNK)).fetchall()
            words = (pair for pair in part if not pair[0].isdecimal())
            frequent = heapq.nlargest(MOST_FREQUENT, [*frequent, *words], key=itemgetter(1))
            last = part[-1][0] if part else last
        return [term for term, _ in frequent]

    def _rows(self, query: str, *values: str | int) -> Rows:
        with self._exclusive() as connection:
            return np.fromiter(chain.from_iterable(connection.execute(query, values)), np.int64)

    @contextmanager
    def _exclusive(self) -> Iterator[sqlite3.Connection]:
        """Yields the connection, for one thread alone."""
        with self._lock, _translate_errors(self._place):
            yield self._connection


def write(path: Path, names: Sequence[str], items: Iterable[Item]) -> None:
    """Writes the index of a snapshot's items, in the order of their rows; raises GalleryError if the disk is full."""
    try:
        connection = _created(str(path))
        # a killed build leaves a draft, which is never read; a snapshot's files are synced when it is sealed
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536")
        index = LexicalIndex(connection, names, 0, str(path))
        index.add(0, items)
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        connection.execute(f"PRAGMA user_version = {index.count}")
        connection.close()
    except (sqlite3.Error, GalleryBroken) as error:
        raise GalleryError(f"{path} cannot be written ({error}): make room on its disk and build again") from error


def _created(place: str) -> sqlite3.Connection:
    with _translate_errors(place):
        connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        connection.executescript(TABLES)
    return connection


def _quoted(word: str) -> str:
    return f'"{word}"'  # it has letters and digits only


@contextmanager
def _translate_errors(place: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if "no such module" in str(error):
            raise ConfigError(f"Python's SQLite has no FTS5 ({error}): use a Python whose sqlite3 has it") from error
        raise GalleryBroken(f"{place} is not a lexical index ({error}): roll back or rebuild the gallery") from error
