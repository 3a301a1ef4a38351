"""From a ranking of rows to hits: excluded rows left out, pinned rows in front, near-duplicates once."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Embeddings, Rows


@dataclass(frozen=True, slots=True)
class ResultRules:
    """The rules that turn a ranking of rows into hits."""

    pinned: Sequence[int] = ()  # in front, in their order
    dropped: Collection[int] = frozenset()  # never hits
    unwanted: Callable[[int], bool] | None = None  # further rows that are never hits, checked only in reach
    group: Callable[[int], Hashable] | None = None  # of the rows of one group only the first is a hit; None is no group
    alike: float | None = None  # a row with at least this cosine to a hit before it is none
    vectors: Callable[[Rows], Embeddings] | None = None  # of rows (m,), at length one; needed if `alike` is given


PLAIN = ResultRules()


def apply_rules(ranking: Rows, rules: ResultRules, *, count: int) -> list[int]:
    """The first `count` rows of a ranking (m,), best first, that the rules let through; −1 ends the ranking.

    Since each row depends only on those before it, the rows of a longer ranking begin with these.
    """
    if rules is PLAIN:
        rows: list[int] = ranking[:count].tolist()
        return rows if not rows or rows[-1] >= 0 else [row for row in rows if row >= 0]
    hits = _Hits(rules)
    for row in rules.pinned:
        hits.add(row, pinned=True)
    for row in ranking.tolist():
        if row < 0 or len(hits.rows) >= count:
            break
        hits.add(row, pinned=False)
    return hits.rows[:count]


class _Hits:
    """The rows that are hits so far."""

    def __init__(self, rules: ResultRules) -> None:
        self.rows: list[int] = []
        self._rules = rules
        self._seen: set[int] = set(rules.dropped)
        self._groups: set[Hashable] = set()
        self._vectors: list[Embeddings] = []  # (d,) each, if near-duplicates count once

    def add(self, row: int, *, pinned: bool) -> None:
        rules = self._rules
        if row in self._seen or (rules.unwanted is not None and rules.unwanted(row)):
            return
        group = None if rules.group is None else rules.group(row)
        if group is not None and group in self._groups:
            return
        if rules.alike is not None and rules.vectors is not None:
            (vector,) = rules.vectors(np.array([row]))  # (d,)
            if not pinned and any(float(vector @ other) >= rules.alike for other in self._vectors):
                return
            self._vectors.append(vector)
        self._seen.add(row)
        self._groups.add(group)
        self.rows.append(row)
