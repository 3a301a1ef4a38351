"""Pairs of reference and target: drawn from a seed, each pair once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.arrays import Rows

_WHOLE = 20_000_000  # up to so many pairs, all are shuffled: 160 MB
_BLOCK = 65_536
_LOOKS = 1_000  # pairs to try per requested pair, if there are too many to try all


def draw(
    classes: Rows,
    count: int,
    *,
    seed: int,
    vectors: NDArray[np.float32] | None = None,
    window: tuple[float, float] = (-1.0, 1.0),
) -> Rows:
    """Draw rows of reference and target (P, 2), P ≤ count: ordered pairs of two items of a class, none twice.

    `classes` (N,) are numbers from 0. With unit `vectors` (N, d) only pairs whose cosine lies in the window; a row of
    NaN is in no pair. A larger count begins with the pairs of a smaller one. Fewer than `count` are returned only if
    there are no more, or if none were found in a thousand tries for each.
    """
    ranked = _Ranked(classes)
    chosen: dict[int, None] = {}  # in order; a rejected pair may come again, with the same result
    for ranks in _order(ranked.total, count, seed=seed):
        pairs = ranked.pairs(ranks)  # (block, 2)
        if vectors is not None:
            cosines = np.einsum("nd,nd->n", vectors[pairs[:, 0]], vectors[pairs[:, 1]])  # (block,)
            ranks = ranks[(cosines >= window[0]) & (cosines <= window[1])]
        chosen.update(dict.fromkeys(ranks.tolist()))
        if len(chosen) >= count:
            break
    return ranked.pairs(np.array(list(chosen)[:count], dtype=np.int64))


class _Ranked:
    """All pairs in a row: those of the first class, then those of the next."""

    def __init__(self, classes: Rows) -> None:
        self._members = np.argsort(classes, kind="stable")  # (N,)
        self._sizes = np.bincount(classes)  # (classes,)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._ends = np.cumsum(self._sizes * (self._sizes - 1))  # pairs of the classes up to each
        self.total = int(self._ends[-1]) if len(self._ends) else 0

    def pairs(self, ranks: Rows) -> Rows:
        """Return the pairs (P, 2) at these positions."""
        kind = np.searchsorted(self._ends, ranks, side="right")  # (P,)
        others = self._sizes[kind] - 1
        reference, target = np.divmod(ranks - (self._ends[kind] - self._sizes[kind] * others), others)
        target += target >= reference  # skips the reference itself
        start = self._starts[kind]
        return np.stack([self._members[start + reference], self._members[start + target]], axis=1)


def _order(total: int, count: int, *, seed: int) -> Iterator[Rows]:
    """Yield positions in random order, in blocks: each once, or if there are very many, some more than once."""
    generator = np.random.default_rng(seed)
    if total <= _WHOLE:
        order = generator.permutation(total)
        yield from (order[start : start + _BLOCK] for start in range(0, total, _BLOCK))
        return
    for _ in range(0, _LOOKS * count + _WHOLE, _BLOCK):
        yield generator.integers(total, size=_BLOCK)
