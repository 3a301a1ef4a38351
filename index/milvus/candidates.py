"""The rows of a collection that a filter lets through: ranked by their exact cosines, counted and listed."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from index.lexical.matching import NONE, LexicalMatches
from index.milvus.column_tally import ColumnTally
from index.milvus.connection import MOST_HITS, Record
from index.milvus.expressions import id_key
from index.milvus.records import READ, attributes
from index.milvus.row_reader import RowReader
from index.milvus.row_watch import RowWatch
from index.vectors.exact import DECIMALS, inner_products, sort
from models.arrays import Embeddings, Flags, Rows, Scores
from models.errors import InputError

MOST_READ = 100_000  # items that are read to count, to sort or to list them
TIED = 8  # more rows than requested, to find the end of a tie
CLOSE = 1e-5  # of two scores, of which Milvus's own order may be another
BLOCK = 32  # rows of a lossy index that are put in their exact order at a time
EXACT = 5_000  # items that a filter leaves, up to which all lists are searched
FIRST = 16  # part of the items that a filter is thought to leave until they are counted


class MilvusCandidates:
    """The rows for which an expression holds."""

    def __init__(self, reader: RowReader, expression: str, watch: RowWatch | None = None) -> None:
        self._watch = watch
        self._beside = None if watch is None else watch.begin()
        self._reader = reader
        self._collection = reader.collection
        self._expression = expression
        self._counting = self._collection.counting(expression)

    @property
    def total(self) -> int:
        return self._counting.result()

    @property
    def at_most(self) -> int:
        return MOST_HITS  # that can be ranked

    def ranked(self, queries: Embeddings, depth: int, *, nprobe: int | None) -> tuple[Scores, Rows]:
        if not len(queries) or (self._counting.done() and not self.total):
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        nlist, probes = self._collection.nlist, self._first_probes(nprobe)
        scores, rows = self._probed(queries, depth, probes)
        if self.probes(nprobe) > probes:  # there are fewer items than was thought
            probes = self.probes(nprobe)
            scores, rows = self._probed(queries, depth, probes)
        short = [len(line) < min(depth, self.total) for line in rows]
        if probes < nlist and any(short):  # the lists hold fewer: those of all lists follow them
            all_scores, all_rows = self._probed(queries, depth, nlist)
            for number, more in enumerate(all_rows):
                new = ~np.isin(more, rows[number])
                rows[number] = np.concatenate([rows[number], more[new]])
                scores[number] = np.concatenate([scores[number], all_scores[number][new]])
        width = max(map(len, rows))
        full_scores = np.full((len(rows), width), -np.inf, np.float32)
        full_rows = np.full((len(rows), width), -1, np.int64)
        for number, line in enumerate(rows):
            full_scores[number, : len(line)], full_rows[number, : len(line)] = scores[number], line
        return full_scores[:, :depth], full_rows[:, :depth]

    def probes(self, nprobe: int | None) -> int:
        """The lists to probe: the more, the fewer items the filter leaves."""
        return self._probes(nprobe, self.total)

    def _first_probes(self, nprobe: int | None) -> int:
        """The same before the items are counted: as many as the last count says, or enough for most filters."""
        if nprobe is not None or not self._expression or self._collection.nlist == 1:
            return self._probes(nprobe, 0)
        total = self.total if self._counting.done() else self._collection.estimate(self._expression)
        return self._probes(None, self._collection.about() // FIRST if total is None else total)

    def _probes(self, nprobe: int | None, total: int) -> int:
        collection = self._collection
        if nprobe is not None:
            return min(nprobe, collection.nlist)
        if not self._expression:
            return collection.nprobe
        if total <= EXACT:
            return collection.nlist
        return min(collection.nlist, -(-collection.nprobe * collection.about() // total))

    def _probed(self, queries: Embeddings, depth: int, probes: int) -> tuple[list[Scores], list[Rows]]:
        """The first `depth` rows of the probed lists in their exact order, or fewer if these hold no more."""
        exact = self._collection.is_exact
        wanted = depth if exact else -(-depth // BLOCK) * BLOCK
        fetched = min(wanted + TIED, MOST_HITS)
        while True:
            scores, rows, is_whole = self._fetched(queries, fetched, probes)
            # the end of a tie is reached if the last row scores less than the last that is wanted
            certain = is_whole or all(
                len(line) < depth or line[depth - 1] > line[-1] + CLOSE or not exact for line in scores
            )
            if certain or fetched >= MOST_HITS:
                return scores, rows
            fetched = min(2 * fetched, MOST_HITS)

    def _fetched(self, queries: Embeddings, limit: int, probes: int) -> tuple[list[Scores], list[Rows], bool]:
        found = self._collection.search(queries, limit, self._expression, READ, probes)
        all_scores, all_rows = [], []
        for query, hits in zip(queries, found, strict=True):
            items = self._reader.hold(hits)
            rows = np.array([item.row for item in items], np.int64)
            vectors = np.stack([item.vector for item in items]) if items else np.empty((0, len(query)), np.float32)
            scores = inner_products(query[np.newaxis], vectors)[0].round(DECIMALS)
            size = len(rows) if self._collection.is_exact else BLOCK
            for start in range(0, len(rows), max(1, size)):
                part = slice(start, start + size)
                ordered = sort(scores[np.newaxis, part], rows[np.newaxis, part], size)
                scores[part], rows[part] = ordered[0][0], ordered[1][0]
            all_scores.append(scores)
            all_rows.append(rows)
        return all_scores, all_rows, all(len(hits) < limit for hits in found)

    def matches(self, text: str) -> LexicalMatches:
        return NONE

    def mask(self, rows: Rows) -> Flags:
        if not len(rows):
            return np.empty(0, np.bool_)
        listed = rows.tolist()
        wanted = f"row in {listed}"
        if self._expression:
            wanted = f"({self._expression}) and {wanted}"
        passing = {int(record["row"]) for record in self._collection.query(wanted, ["row"])}
        return np.array([row in passing for row in listed], np.bool_)

    def rows(self) -> Rows:
        self._check_few("sorted or listed without a query")
        rows = [int(record["row"]) for record in self._collection.all(self._expression, ["row"])]
        self._require_all()
        return np.array(rows, np.int64)

    def by_id(self, after: str, limit: int, check: Callable[[], None]) -> Sequence[int]:
        self._check_few("listed")
        check()
        records = self._collection.all(self._expression, READ)
        items = sorted((item.item.id, item.row) for item in self._reader.hold(records))
        self._require_all()
        return [row for id, row in items if id > after][:limit]

    def tally(self) -> ColumnTally:
        self._check_few("counted")
        return self._collection.tally(self._expression, self._reader.types)

    def group_count(self, name: str, *, without: Sequence[int]) -> int:
        if self.total > MOST_READ:
            return self.total  # more than there are: the ranking is read on
        left_out = self._reader.stored(list(without)) if without else []
        if not left_out:
            return self.tally().distinct(name)
        keys = {id_key(each.item.id) for each in left_out}
        kept = [attributes(record) for record in self._records if record["key"] not in keys]
        return ColumnTally.among(kept, self._reader.types).distinct(name)

    def notes(self) -> Sequence[str]:
        return ["a part of the items could not be searched"] if self._is_incomplete else []

    def diagnostics(self, nprobe: int | None) -> Sequence[str]:
        missing = [self._watch.description] if self._watch is not None and self._is_incomplete else []
        if not self._expression or self._collection.is_exact:
            return missing
        return [
            *missing,
            f"{self.probes(nprobe)} of {self._collection.nlist} lists were searched in Milvus",
        ]

    @cached_property
    def _is_incomplete(self) -> bool:
        """True if the search that has ended may have lacked rows."""
        return self._watch is not None and self._beside is not None and self._watch.is_incomplete(self._beside)

    def _require_all(self) -> None:
        """Raises GalleryUnavailable if rows are missing from a list that has no notes."""
        if self._watch is not None:
            self._watch.require("the list of items would not be complete")

    @cached_property
    def _records(self) -> Sequence[Record]:
        return list(self._collection.all(self._expression, ["row", "key", "document"]))

    def _check_few(self, done: str) -> None:
        if self.total > MOST_READ:
            raise InputError(
                f"{self.total} items would be {done}, and of a gallery in Milvus at most {MOST_READ} are: add a filter"
            )
