"""The first rows of an order put in another by whoever knows more of a query than its vector."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from index.vectors.exact import DECIMALS
from models.arrays import Embeddings, Rows, Scores
from models.errors import InputError

# Numbers of queries (b,) and the vectors of K rows for each (b, K, d) → scores (b, K), the higher the better.
Rescore: TypeAlias = Callable[[Sequence[int], Embeddings], Scores]


def no_reranker(numbers: Sequence[int], vectors: Embeddings) -> Scores:
    """The Rescore of a search that has none; raises InputError."""
    raise InputError("the first hits cannot be re-ranked here, since nothing re-ranks them: leave out rerank")


def rerank(rows: Sequence[Rows], *, vectors: Callable[[Rows], Embeddings], rescore: Rescore) -> list[Rows]:
    """The first rows of each order, as many as each has, by their new scores.

    Equal scores leave rows in their order. `vectors` gives those of rows (n,), (n, d).
    """
    firsts = list(rows)
    wanted = [number for number, first in enumerate(firsts) if len(first) > 1]
    if not wanted:
        return firsts
    widest = max(len(firsts[number]) for number in wanted)
    seen = np.stack([np.resize(firsts[number], widest) for number in wanted])  # (b, K), the shorter ones repeated
    scores = rescore(wanted, vectors(seen.ravel()).reshape(*seen.shape, -1)).round(DECIMALS)
    for number, line in zip(wanted, scores, strict=True):
        first = firsts[number]
        firsts[number] = first[np.argsort(-line[: len(first)], kind="stable")]
    return firsts
