"""Re-ranking: the best rows of a ranking, and the scores that put them in another order."""

import numpy as np

from models.arrays import Rows, Scores


def best_rows(scores: Scores, count: int) -> Rows:
    """Return each query's best rows (B, min(count, N)) by its scores (B, N), best first and ties by row."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return order.astype(np.int64)


def rerank_scores(scores: Scores, rows: Rows, reranked: Scores) -> Scores:
    """Return scores (B, N) that rank `rows` (B, K) before all others, ordered by their `reranked` scores (B, K).

    A score of −∞ stays, so that an excluded row is still excluded. Rows with equal new scores stay tied.
    """
    lines = np.arange(len(scores))[:, np.newaxis]
    best = scores.max(axis=1, keepdims=True)
    lifted = best + 1 + reranked - reranked.min(axis=1, keepdims=True)  # (B, K)
    new = scores.copy()
    new[lines, rows] = np.where(np.isneginf(scores[lines, rows]), -np.inf, lifted)
    return new
