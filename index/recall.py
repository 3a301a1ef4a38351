"""How well a search finds what an exact one finds, measured on queries such as shoppers make."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embeddings, normalised

Vectors: TypeAlias = NDArray[np.float16]  # (n, d), the gallery as it is kept
Scores: TypeAlias = NDArray[np.float32]  # (B, k)
Rows: TypeAlias = NDArray[np.int64]  # (B, k), -1 where there is none

GOAL = 0.99
BEST = 10  # recall@10
QUERIES = 256
GAP = 0.4  # half the distance between CLIP's mean image and mean text, since a composed query is half text
BLOCK = 16384
TIE = 1e-5  # of a score: what rounding moves


def composed_queries(vectors: Vectors, *, count: int, seed: int) -> Embeddings:
    """(count, d) mixtures of two gallery vectors, moved by one modality gap: composed queries lie off the gallery,
    and need about four times the lists that a gallery vector needs."""
    generator = np.random.default_rng(seed)
    first, second = generator.integers(len(vectors), size=(2, count))
    weight = generator.uniform(0.3, 0.7, size=(count, 1))
    gap = generator.standard_normal(vectors.shape[1])
    mixed = weight * vectors[first].astype(np.float64) + (1 - weight) * vectors[second].astype(np.float64)
    return normalised((mixed + GAP * gap / np.linalg.norm(gap)).astype(np.float32))


def exact(vectors: Vectors, queries: Embeddings, *, k: int) -> Scores:
    """(B, min(k, n)) the best scores over all vectors, best first."""
    best = np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        scores = queries @ normalised(vectors[start : start + BLOCK].astype(np.float32)).T  # (B, block)
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :k]
    return best


def recall(found: Scores, truth: Scores) -> float:
    """The share of the true best that was found; an equal score counts, since twins are as good as each other."""
    worst = truth[:, -1:] - TIE  # (B, 1)
    return float(np.minimum((found >= worst).sum(axis=1), truth.shape[1]).mean() / truth.shape[1])


def choose_nprobe(
    search: Callable[[Embeddings, int, int], tuple[Scores, Rows]], vectors: Vectors, *, nlist: int
) -> tuple[int, float]:
    """The fewest lists (of a growing series) with recall@10 of at least GOAL, and that recall.

    `search(queries, k, nprobe)` gives scores and rows as FAISS does.
    """
    queries = composed_queries(vectors, count=QUERIES, seed=0)
    truth = exact(vectors, queries, k=BEST)
    nprobe = 1
    while True:
        found, rows = search(queries, BEST, nprobe)
        measured = recall(np.where(rows >= 0, found, -np.inf).astype(np.float32), truth)
        if measured >= GOAL or nprobe == nlist:
            return nprobe, measured
        nprobe = min(nlist, max(nprobe + 1, nprobe * 5 // 4))
