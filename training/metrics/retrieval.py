"""Ranks, recall and average precision, computed on exact scores.

A ranking orders items by their float32 score, high to low. Ties are broken by the row in the gallery: the published
benchmarks sort their galleries by name, so the row carries no information and a model that knows nothing scores at
chance. The drawn catalogue breaks ties against the query instead, so that such a model scores nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.arrays import Rows, Scores

NO_ROWS: Rows = np.empty(0, dtype=np.int64)


def order(scores: NDArray[np.float32], *, last: Rows = NO_ROWS) -> Rows:
    """Return the rows by one query's scores (N,), best first; of equal scores, the rows in `last` come last."""
    if not len(last):
        return np.argsort(-scores, kind="stable").astype(np.int64)
    behind = np.zeros(len(scores), dtype=np.bool_)
    behind[last] = True
    return np.lexsort((behind, -scores)).astype(np.int64)


def ranks(order: Rows, rows: Rows) -> Rows:
    """Return the 1-based ranks of `rows` (R,) in `order`, which names each row of the gallery once."""
    positions = np.empty(len(order), dtype=np.int64)
    positions[order] = np.arange(1, len(order) + 1)
    return np.asarray(positions[rows])


def first_ranks(scores: Scores, relevant: Sequence[Rows]) -> Rows:
    """Return the 1-based rank of each query's best relevant item (B,); every query has at least one."""
    first = np.empty(len(scores), dtype=np.int64)
    for query, (values, rows) in enumerate(zip(scores, relevant, strict=True)):
        best = values[rows].max()
        # all that score higher, all irrelevant items with the same score, and the item itself
        first[query] = (values > best).sum() + (values == best).sum() - (values[rows] == best).sum() + 1
    return first


def recall(first: Rows, k: int) -> float:
    """Return R@k: the share of queries whose best relevant item is within the first k."""
    return float((first <= k).mean())


def average_precision(ranks: Rows, k: int, *, relevant: int) -> float:
    """Return AP@k = (Σ over relevant ranks r ≤ k of precision at r) / min(relevant, k), as CIRCO defines it.

    `ranks` are the 1-based ranks of the relevant items, ascending; `relevant` is the number of relevant items.
    """
    within = ranks[ranks <= k]
    return float((np.arange(1, len(within) + 1) / within).sum() / min(relevant, k))
