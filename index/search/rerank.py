"""Re-ranks the first rows of each ranking by scores that a model computes from the query and the rows' vectors."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from index.search.request import SearchRequest
from index.search.result_rules import PLAIN, ResultRules
from index.vectors.exact import DECIMALS
from models.arrays import Embeddings, Rows, Scores
from models.errors import InputError

# Numbers of queries (b,) and the vectors of K rows for each (b, K, d) → scores (b, K), the higher the better.
Rescore: TypeAlias = Callable[[Sequence[int], Embeddings], Scores]


def no_reranker(numbers: Sequence[int], vectors: Embeddings) -> Scores:
    """The Rescore of a search without a re-ranker; raises InputError."""
    raise InputError("this search has no re-ranker: leave out rerank")


def rerank(rows: Sequence[Rows], *, vectors: Callable[[int, Rows], Embeddings], rescore: Rescore) -> list[Rows]:
    """The first rows of each ranking in the order of their new scores.

    Rows with equal scores stay in their order. `vectors` gives for the query of a number the vectors (n, d) of rows
    (n,).
    """
    firsts = list(rows)
    numbers = [number for number, first in enumerate(firsts) if len(first) > 1]
    if not numbers:
        return firsts
    widest = max(len(firsts[number]) for number in numbers)
    padded = np.stack([np.resize(firsts[number], widest) for number in numbers])  # (b, K), the shorter ones repeated
    candidates = np.stack([vectors(number, line) for number, line in zip(numbers, padded, strict=True)])
    scores = rescore(numbers, candidates).round(DECIMALS)
    for number, line in zip(numbers, scores, strict=True):
        first = firsts[number]
        firsts[number] = first[np.argsort(-line[: len(first)], kind="stable")]
    return firsts


def rows_to_rerank(ranking: Rows, request: SearchRequest, rules: ResultRules) -> Rows:
    """The first rows of a ranking (m,) to re-rank, without those that are pinned or never a hit.

    They are taken from the same number of rows however long the ranking is, so that pages fit together.
    """
    rows = ranking[: request.rerank_depth]
    rows = rows[rows >= 0]
    if rules is not PLAIN:
        rows = rows[~np.isin(rows, rules.dropped) & ~np.isin(rows, rules.pinned)]
        if rules.unwanted is not None:
            rows = rows[~rules.unwanted(rows)]
    return rows[: request.rerank]


def joined(first: Rows, ranking: Rows) -> Rows:
    """A ranking with its re-ranked rows in front."""
    return np.concatenate([first, ranking[~np.isin(ranking, first)]]) if len(first) else ranking
