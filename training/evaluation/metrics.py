"""Retrieval metrics on exact rankings, and their bootstrap intervals.

A ranking is by score in float32, from high to low. Ties are broken by what says nothing of the answer, the order of the
gallery's rows, which the published benchmarks sort by name: a scorer that knows nothing gets chance. In the drawn
catalogue they are broken against the query, so that it gets nothing.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]  # (B, N): a query's score for every item of the gallery
Rows = NDArray[np.int64]  # (R,): rows of the gallery
Values = NDArray[np.float64]  # (B,): one value a query

DRAWS = 1_000
NONE: Rows = np.empty(0, dtype=np.int64)


def order(scores: NDArray[np.float32], *, last: Rows = NONE) -> Rows:
    """The rows of one query's scores (N,), best first; of one score those of `last` come last, else by row."""
    if not len(last):
        return np.argsort(-scores, kind="stable").astype(np.int64)
    behind = np.zeros(len(scores), dtype=np.bool_)
    behind[last] = True
    return np.lexsort((behind, -scores)).astype(np.int64)


def places(order: Rows, wanted: Rows) -> Rows:
    """The 1-based ranks of the wanted rows (R,), in their order, where `order` names each row once."""
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    found: Rows = ranks[wanted]
    return found


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


def interval(values: Values, *, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the mean over queries, by bootstrap: DRAWS resamples with a fixed seed."""
    drawn = _drawn(len(values), seed) @ values / len(values)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=4)  # the same for all metrics of the same queries; 64 MB of GeneCIS's, the largest
def _drawn(count: int, seed: int) -> NDArray[np.float64]:
    """How often each of `count` queries stands in each resample (DRAWS, count)."""
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = (random.integers(0, count, count) for _ in range(DRAWS))
    return np.stack([np.bincount(rows, minlength=count).astype(np.float64) for rows in drawn])
