"""Which picture becomes a reference and which its target: drawn from a seed, each pair once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.arrays import Rows

_WHOLE = 20_000_000  # pairs of which all are put in order: 160 MB
_BLOCK = 65_536
_LOOKS = 1_000  # for each pair wanted, where there are too many to look at all


def draw(
    classes: Rows,
    count: int,
    *,
    seed: int,
    vectors: NDArray[np.float32] | None = None,
    window: tuple[float, float] = (-1.0, 1.0),
) -> Rows:
    """(P, 2) rows of reference and target, P ≤ count: ordered pairs within a class, none twice and none with itself.

    `classes` (N,) are numbers from 0. With unit `vectors` (N, d) only pairs whose cosine lies in the window; a row of
    NaN is in no pair. A larger count begins with the pairs of a smaller one. Fewer than `count` come only where there
    are no more, or where a thousand times as many were looked at.
    """
    ranked = _Ranked(classes)
    kept: dict[int, None] = {}  # in order; a pair that was not kept may be looked at again, to the same end
    for ranks in _order(ranked.total, count, seed=seed):
        pairs = ranked.pairs(ranks)  # (block, 2)
        if vectors is not None:
            cosines = np.einsum("nd,nd->n", vectors[pairs[:, 0]], vectors[pairs[:, 1]])  # (block,)
            ranks = ranks[(cosines >= window[0]) & (cosines <= window[1])]
        kept.update(dict.fromkeys(ranks.tolist()))
        if len(kept) >= count:
            break
    return ranked.pairs(np.array(list(kept)[:count], dtype=np.int64))


class _Ranked:
    """All pairs in a row: those of the first class, then those of the next."""

    def __init__(self, classes: Rows) -> None:
        self._members = np.argsort(classes, kind="stable")  # (N,)
        self._sizes = np.bincount(classes)  # (classes,)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._ends = np.cumsum(self._sizes * (self._sizes - 1))  # pairs of the classes up to each
        self.total = int(self._ends[-1]) if len(self._ends) else 0

    def pairs(self, ranks: Rows) -> Rows:
        """(P, 2) the pairs of these places."""
        kind = np.searchsorted(self._ends, ranks, side="right")  # (P,)
        others = self._sizes[kind] - 1
        reference, target = np.divmod(ranks - (self._ends[kind] - self._sizes[kind] * others), others)
        target += target >= reference  # it steps over the reference itself
        start = self._starts[kind]
        return np.stack([self._members[start + reference], self._members[start + target]], axis=1)


def _order(total: int, count: int, *, seed: int) -> Iterator[Rows]:
    """Places in random order, in blocks: each once, or of very many some more than once."""
    generator = np.random.default_rng(seed)
    if total <= _WHOLE:
        order = generator.permutation(total)
        yield from (order[start : start + _BLOCK] for start in range(0, total, _BLOCK))
        return
    for _ in range(0, _LOOKS * count + _WHOLE, _BLOCK):
        yield generator.integers(total, size=_BLOCK)
