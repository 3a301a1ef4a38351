"""Retrieval metrics on exact rankings, and their bootstrap intervals.

A ranking is by score in float32, from high to low; a tie is broken against the query: an item that satisfies it stands
behind every other item of the same score, so that a scorer that knows nothing gets nothing.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]  # (B, N): a query's score for every item of the gallery
Rows = NDArray[np.int64]  # (R,): rows of the gallery
Values = NDArray[np.float64]  # (B,): one value a query

DRAWS = 1_000


def ranks(scores: NDArray[np.float32], relevant: Rows) -> NDArray[np.int64]:
    """The 1-based ranks, ascending, of one query's relevant items among its scores (N,)."""
    wanted = np.zeros(len(scores), dtype=np.bool_)
    wanted[relevant] = True
    order = np.lexsort((wanted, -scores))  # by score, then what is not wanted first
    return np.flatnonzero(wanted[order]).astype(np.int64) + 1


def first_ranks(scores: Scores, relevant: Sequence[Rows]) -> NDArray[np.int64]:
    """The 1-based rank of each query's best relevant item (B,); every query has one."""
    found = np.empty(len(scores), dtype=np.int64)
    for row, (values, rows) in enumerate(zip(scores, relevant, strict=True)):
        best = values[rows].max()
        # all that score higher, all others that score the same, and itself
        found[row] = (values > best).sum() + (values == best).sum() - (values[rows] == best).sum() + 1
    return found


def recall(first: NDArray[np.int64], k: int) -> float:
    """The share of queries whose best relevant item stands within the first k (R@k)."""
    return float((first <= k).mean())


def average_precision(found: NDArray[np.int64], k: int, *, relevant: int) -> float:
    """AP@k = (Σ over relevant ranks r ≤ k of precision at r) / min(relevant, k), as CIRCO defines it.

    `found` are the 1-based ranks, ascending, of the relevant items; `relevant` is how many there are.
    """
    within = found[found <= k]
    return float((np.arange(1, len(within) + 1) / within).sum() / min(relevant, k))


def interval(values: Values, *, statistic: Callable[[Values], float] = np.mean, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a statistic over queries, by bootstrap: DRAWS resamples with a fixed seed."""
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = [statistic(values[random.integers(0, len(values), len(values))]) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
