"""The first of a ranking put in another order, the rest left behind it."""

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Scores

Rows = NDArray[np.int64]  # (B, K): rows of the gallery


def first(scores: Scores, count: int) -> Rows:
    """The best rows of each query's scores (B, N), best first and ties by row: (B, min(count, N))."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return order.astype(np.int64)


def laid_over(scores: Scores, rows: Rows, found: Scores) -> Scores:
    """Scores (B, N) by which the `rows` (B, K) come before all others, in the order of what is `found` of them (B, K).

    What is never ranked, at −∞, stays there. Rows of the same new score stay tied.
    """
    lines = np.arange(len(scores))[:, np.newaxis]
    best = scores.max(axis=1, keepdims=True)
    lifted = best + 1 + found - found.min(axis=1, keepdims=True)  # (B, K)
    new = scores.copy()
    new[lines, rows] = np.where(np.isneginf(scores[lines, rows]), -np.inf, lifted)
    return new
