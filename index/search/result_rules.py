"""From an order of rows to the hits that a shopper sees: some left out, some in front, alike ones once."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Embeddings, Rows


@dataclass(frozen=True, slots=True)
class ResultRules:
    """What is done with an order of rows."""

    pinned: Sequence[int] = ()  # in front, in their order
    dropped: Collection[int] = frozenset()  # never there
    unwanted: Callable[[int], bool] | None = None  # rows that are never there, asked only where they would be
    group: Callable[[int], Hashable] | None = None  # of rows with one group only the first is there; None is no group
    alike: float | None = None  # a row with at least this cosine to one before it is not there
    vectors: Callable[[Rows], Embeddings] | None = None  # of rows (m,), at length one; needed where `alike` is given


PLAIN = ResultRules()


def apply_rules(order: Rows, rules: ResultRules, *, count: int) -> list[int]:
    """The first `count` rows of an order (m,), best first, that the rules let through; −1 ends the order.

    Because each row depends on those before it only, the rows of a longer order begin with these.
    """
    if rules is PLAIN:
        found: list[int] = order[:count].tolist()
        return found if not found or found[-1] >= 0 else [row for row in found if row >= 0]
    places = _Positions(rules)
    for row in rules.pinned:
        places.take(row, pinned=True)
    for row in order.tolist():
        if row < 0 or len(places.rows) >= count:
            break
        places.take(row, pinned=False)
    return places.rows[:count]


class _Positions:
    """The rows so far."""

    def __init__(self, rules: ResultRules) -> None:
        self.rows: list[int] = []
        self._rules = rules
        self._seen: set[int] = set(rules.dropped)
        self._groups: set[Hashable] = set()
        self._vectors: list[Embeddings] = []  # (d,) each, where alike ones are there once

    def take(self, row: int, *, pinned: bool) -> None:
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
