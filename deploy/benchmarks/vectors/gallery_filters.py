"""Searches with filters: recall and time, of rows at random and of rows that lie together."""

import time
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.vectors import recall
from index.vectors.exact import Exact, scaled
from models.arrays import Embeddings, Vectors
from raw_faiss import BLOCK, K, in_turn

PASSING = (500, 100, 10, 1)  # of 1000 rows
FILTERS = ("bucket", "region")  # attributes: at random, and by the direction of the vector, as a category's items are


def bucket_of(vectors: Vectors) -> NDArray[np.int64]:
    """A number below 1000 for each vector (n,), at random."""
    return np.random.default_rng(2).integers(1000, size=len(vectors))


def region_of(vectors: Vectors) -> NDArray[np.int64]:
    """The thousandth (n,) of each vector among all, by its component in one direction, from 0."""
    direction = np.random.default_rng(3).standard_normal(vectors.shape[1], dtype=np.float32)
    along = np.concatenate([vectors[start : start + BLOCK] @ direction for start in range(0, len(vectors), BLOCK)])
    return np.argsort(np.argsort(along)) * 1000 // len(vectors)


def filtered(gallery: Gallery, vectors: Vectors, queries: Embeddings) -> list[dict[str, object]]:
    """Recall@10 among the rows that a filter keeps, and the milliseconds of a query with and without it.

    The filter is not new: its rows are known, and their codes copied if that pays.
    """
    queries = queries[:200]
    values = (bucket_of(vectors), region_of(vectors))
    exact, rows = Exact(vectors, scaled(vectors)), []
    for (name, of), passing in product(zip(FILTERS, values, strict=True), PASSING):
        want = SearchRequest(k=K, filter=parse({name: {"lt": passing}}))
        truth = exact.best(queries, np.flatnonzero(of < passing), K)[0]
        found = gallery.view().search(queries, [want] * len(queries))
        scores = np.array([[hit.score for hit in each.hits] for each in found], dtype=np.float32)
        begun = time.perf_counter()
        gallery.view().search(queries[:1], [want])
        second = time.perf_counter() - begun
        with_it, without = in_turn(
            partial(gallery.view().search, requests=[want]),
            lambda some: gallery.view().search(some, [SearchRequest(k=K)]),
            [query[np.newaxis] for query in queries],
        )
        rows.append(
            {
                "filter": name,
                "kept": passing / 1000,
                "recall": recall.recall(scores, truth),
                "second_ms": 1000 * second,
                "ms": 1000 * with_it,
                "without_ms": 1000 * without,
                "how": found[0].diagnostics[0],
            }
        )
    return rows
