"""From a ranking of rows to hits: excluded rows left out, pinned rows in front, near-duplicates once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from index.vectors.exact import DECIMALS, inner_products
from models.arrays import Codes, Embeddings, Flags, Rows, Scores

BLOCK = 256  # rows of a ranking that are compared with each other at a time
NO_GROUP = -1  # code of a row that is in no group
NO_ROWS: Rows = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class ResultRules:
    """The rules that turn a ranking of rows into hits; each function takes rows (m,) at once."""

    pinned: Sequence[int] = ()  # in front, in their order
    dropped: Sequence[int] = ()  # never hits
    unwanted: Callable[[Rows], Flags] | None = None  # further rows that are never hits, checked only in reach
    groups: Callable[[Rows], Codes] | None = None  # of the rows with one code only the first is a hit
    alike: float | None = None  # a row with at least this cosine to a hit before it is none
    vectors: Callable[[Rows], Embeddings] | None = None  # at length one (m, d); needed if `alike` is given


PLAIN = ResultRules()


class Arrangement:
    """The hits of a ranking that is read block by block, and goes on if the ranking grows at its end."""

    def __init__(self, rules: ResultRules, *, count: int) -> None:
        """`count` is how many hits are needed."""
        self._rules = rules
        self._count = count
        self._read = 0  # rows of the ranking
        self._blocks: list[Rows] = []
        self._groups: Codes = NO_ROWS
        self._vectors: Embeddings | None = None  # (m, d) of the hits, if near-duplicates count once
        if rules.pinned:
            self._add(np.array(list(dict.fromkeys(rules.pinned))), pinned=True)

    @property
    def rows(self) -> list[int]:
        """The hits, at most as many as are needed."""
        rows: list[int] = [row for block in self._blocks for row in block.tolist()]
        return rows[: self._count]

    def __len__(self) -> int:
        return min(self._count, sum(map(len, self._blocks)))

    def extend(self, ranking: Rows, check: Callable[[], None]) -> None:
        """Reads on in a ranking (m,), best first, which begins with what was read before; −1 ends it.

        `check` is called between two blocks; it raises if the work must end.
        """
        end = int(np.argmax(ranking < 0)) if len(ranking) and ranking[-1] < 0 else len(ranking)
        if self._rules is PLAIN:
            self._blocks = [ranking[: min(end, self._count)]]
            return
        while self._read < end and len(self) < self._count:
            if self._read:
                check()
            block = ranking[self._read : min(self._read + BLOCK, end)]
            self._add(block, pinned=False)
            self._read += len(block)

    def _add(self, rows: Rows, *, pinned: bool) -> None:
        rules = self._rules
        wanted = ~np.isin(rows, rules.dropped)
        if not pinned and rules.pinned:
            wanted &= ~np.isin(rows, rules.pinned)
        rows = rows[wanted]
        if rules.unwanted is not None and len(rows):
            rows = rows[~rules.unwanted(rows)]
        if rules.groups is not None and len(rows):
            codes = rules.groups(rows)
            free = ~np.isin(codes, self._groups) | (codes == NO_GROUP)
            rows, codes = rows[free], codes[free]
        else:
            codes = np.full(len(rows), NO_GROUP)
        if rules.alike is not None and rules.vectors is not None:
            rows, codes = self._without_alike(rows, codes, rules.vectors(rows), 2.0 if pinned else rules.alike)
        else:
            first = _first_of_groups(codes)
            rows, codes = rows[first], codes[first]
        if rules.groups is not None:
            self._groups = np.concatenate([self._groups, codes[codes != NO_GROUP]])
        self._blocks.append(rows)

    def _without_alike(self, rows: Rows, codes: Codes, vectors: Embeddings, alike: float) -> tuple[Rows, Codes]:
        """The rows (m,) and codes that remain, given their vectors (m, d), which join those of the hits."""
        if self._vectors is not None:
            free = ~(_cosines(vectors, self._vectors) >= alike).any(axis=1)
            rows, codes, vectors = rows[free], codes[free], vectors[free]
        barred = _cosines(vectors, vectors) >= alike  # (m, m)
        barred |= (codes[:, np.newaxis] == codes) & (codes != NO_GROUP)
        free = np.ones(len(rows), np.bool_)
        for number in np.flatnonzero(np.triu(barred, 1).any(axis=1)).tolist():  # only those that bar a later row
            if free[number]:
                free[number + 1 :] &= ~barred[number, number + 1 :]
        vectors = vectors[free]
        self._vectors = vectors if self._vectors is None else np.concatenate([self._vectors, vectors])
        return rows[free], codes[free]


def _cosines(vectors: Embeddings, others: Embeddings) -> Scores:
    """Cosines (m, n), rounded as scores are: those of identical vectors differ by the order of summation."""
    return inner_products(vectors, others).round(DECIMALS)


def _first_of_groups(codes: Codes) -> Flags:
    """Mask (m,) of the rows that are the first of their group, or in none."""
    first: Flags = codes == NO_GROUP
    first[np.unique(codes, return_index=True)[1]] = True
    return first
