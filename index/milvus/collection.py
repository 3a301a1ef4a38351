"""The collection of one snapshot: what is asked of it, and how its lists are searched."""

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from cachetools import TTLCache

from index.items.attribute_types import AttributeTypes
from index.milvus.column_tally import ColumnTally
from index.milvus.connection import MilvusConnection, Record
from index.milvus.records import attributes
from index.storage.manifest import SnapshotManifest
from models.arrays import Embeddings

FLAT_MOST = 20_000  # items up to which Milvus compares all of them
COUNTS, COUNTED_S = 256, 0.5  # counts that are remembered, and for how long
ESTIMATES, ESTIMATED_S = 4_096, 60.0  # the same of those that a search begins with, and corrects
COUNTERS = 4  # counts beside searches
TALLIES, TALLIED_S = 16, 30.0  # the same for counts of all values, which take long


class Collection:
    """A collection by its name, with the number of lists to probe."""

    def __init__(self, connection: MilvusConnection, name: str, manifest: SnapshotManifest, own: Iterable[str]) -> None:
        """The attributes `own` have fields of their own."""
        self.own = frozenset(own)
        self.connection = connection
        self.name = name
        self.dimension = manifest.dimension
        self.is_exact = manifest.encoding == "flat"
        self.nlist, self.nprobe = manifest.nlist, manifest.nprobe
        self._counts: TTLCache[str, int] = TTLCache(COUNTS, COUNTED_S)
        self._tallies: TTLCache[str, ColumnTally] = TTLCache(TALLIES, TALLIED_S)
        self._estimates: TTLCache[str, int] = TTLCache(ESTIMATES, ESTIMATED_S)
        self._pool = ThreadPoolExecutor(COUNTERS, "milvus-count")
        self._writes = 0
        self._lock = threading.Lock()

    def count(self, expression: str) -> int:
        """How many rows pass, as of a moment ago; a write of this process counts at once."""
        with self._lock:
            known, writes = self._counts.get(expression), self._writes
        if known is None:
            known = self.connection.count(self.name, expression)
            with self._lock:
                self._estimates[expression] = known
                if writes == self._writes:
                    self._counts[expression] = known
        return known

    def counting(self, expression: str) -> "Future[int]":
        """Counts as `count` does, beside what the caller does meanwhile."""
        with self._lock:
            known = self._counts.get(expression)
        if known is None:
            return self._pool.submit(self.count, expression)
        done: Future[int] = Future()
        done.set_result(known)
        return done

    def about(self) -> int:
        """About how many rows there are."""
        known = self.estimate("")
        return self.count("") if known is None else known

    def estimate(self, expression: str) -> int | None:
        """About how many rows pass, if they were counted in the last minute."""
        with self._lock:
            return self._estimates.get(expression)

    def tally(self, expression: str, types: AttributeTypes) -> ColumnTally:
        """Counts among the rows that pass, as of a while ago; a write of this process counts at once."""
        with self._lock:
            known, writes = self._tallies.get(expression), self._writes
        if known is None:
            found = [attributes(record) for record in self.all(expression, ["document"])]
            known = ColumnTally.among(found, types)
            with self._lock:
                if writes == self._writes:
                    self._tallies[expression] = known
        return known

    def forget(self) -> None:
        """Drops what was counted, after a write."""
        with self._lock:
            self._writes += 1  # what is being counted now may lack it
            self._counts.clear()
            self._tallies.clear()

    def query(
        self, expression: str, fields: Sequence[str], *, limit: int | None = None, strong: bool = False
    ) -> list[Record]:
        """The rows that pass."""
        return self.connection.query(self.name, expression, fields, limit=limit, strong=strong)

    def all(self, expression: str, fields: Sequence[str]) -> Iterator[Record]:
        """All rows that pass, ascending."""
        return self.connection.all(self.name, "row", expression, fields)

    def search(
        self, queries: Embeddings, limit: int, expression: str, fields: Sequence[str], probes: int
    ) -> list[list[Record]]:
        """The first rows for each query (B, d), the best first by Milvus's own scores."""
        params = {} if self.is_exact else {"nprobe": probes}
        return self.connection.search(self.name, queries, limit, expression, fields, params)


def index_of(count: int) -> dict[str, Any]:
    """The index of a collection of so many items."""
    if count <= FLAT_MOST:
        return {"index_type": "FLAT", "metric_type": "IP"}
    return {"index_type": "IVF_SQ8", "metric_type": "IP", "params": {"nlist": lists(count)}}


def lists(count: int) -> int:
    """The number of lists of so many items; 1 if all are compared."""
    return 1 if count <= FLAT_MOST else 2 ** round(math.log2(4 * math.sqrt(count)))
