"""The vectors of a snapshot as they were embedded, in half precision, mapped from disk: for exact scores."""

import mmap
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from index.vectors.further_rows import FurtherRows, raise_scores
from models.arrays import Embeddings, Rows, Scores, Vectors
from models.errors import GalleryBroken

SMALL = 10_000  # vectors up to which they are also held in single precision: to convert them takes most of a scan
DENSE = 4  # one row of so many: if more are wanted, it is faster to score all
FEW = 256  # queries up to which each is multiplied by itself
BLOCK = 8192  # scores of a scan that are put in order at a time
CACHED = 256  # rows converted to single precision at a time, so that they stay in the processor's cache
WIDER = np.float32(2.0**112)  # single precision's exponents begin so much lower than those of half precision
SORTED = 256  # extra scores below which sorting all is faster than selecting first
DECIMALS = 6  # of a score: scores of identical vectors may differ beyond, by the order of summation


class Exact:
    """The vectors (n, d) of a snapshot with their scales to length one; never changed.

    If items have `further` images, the vectors of these follow those of the items, and an item scores as its best image
    does.
    """

    def __init__(self, vectors: Vectors, scales: NDArray[np.float32], further: FurtherRows | None = None) -> None:
        self.vectors = vectors
        self.further = further
        self._scales = scales  # (n,), since half precision leaves lengths off by up to a thousandth

    @classmethod
    def open(cls, vectors: Path, scales: Path, further: FurtherRows | None = None) -> "Exact":
        """Maps both files; raises GalleryBroken if they are not arrays that belong together."""
        try:
            mapped = np.asarray(np.load(vectors, mmap_mode="r", allow_pickle=False))  # np.memmap is slow to index
            found = cls(mapped, np.load(scales, allow_pickle=False), further)
        except (OSError, ValueError) as error:
            raise GalleryBroken(f"{vectors} or its scales is not an array ({error}): roll back or rebuild") from error
        if (
            found.vectors.dtype != np.float16
            or found.vectors.ndim != 2
            or found._scales.shape != found.vectors.shape[:1]
        ):
            raise GalleryBroken(f"{vectors} and {scales.name} do not belong together: roll back or rebuild")
        found._touch()
        return found

    def take(self, rows: Rows) -> Embeddings:
        """The vectors of some rows (m,), of items or further images, at length one, (m, d)."""
        if len(self.vectors) <= SMALL:
            return self._all[rows]
        unit = np.empty((len(rows), self.vectors.shape[1]), np.float32)
        for start in range(0, len(rows), CACHED):
            part = slice(start, start + CACHED)
            factors = WIDER * self._scales[rows[part], np.newaxis]
            np.multiply(_widened(self.vectors[rows[part]]), factors, out=unit[part])
        return unit

    def scores(self, queries: Embeddings, rows: Rows) -> Scores:
        """Each query's (B, d) cosine with its own items (B, k); −∞ if a row is −1."""
        count, k = rows.shape
        found = np.empty(rows.shape, dtype=np.float32)
        wider, step = (queries * WIDER)[:, np.newaxis], max(1, CACHED // max(1, k))
        for start in range(0, count, step):
            some = slice(start, start + step)
            for first in range(0, k, CACHED):
                part = slice(first, first + CACHED)
                near = _widened(self.vectors[rows[some, part]])  # (b, c, d)
                np.vecdot(near, wider[some], out=found[some, part])  # in this thread alone, unlike a product
        found *= self._scales[rows]
        found[rows < 0] = -np.inf
        if self.further is not None:
            further, places = self.further.rows_of(rows.ravel())
            lines, flat = places // k, found.reshape(1, -1)
            for start in range(0, len(further), BLOCK):
                part = slice(start, start + BLOCK)
                products = np.einsum("fd,fd->f", self.take(further[part]), queries[lines[part]])
                raise_scores(flat, places[part], products[np.newaxis])
        return found.round(DECIMALS)

    def best(self, queries: Embeddings, rows: Rows, k: int) -> tuple[Scores, Rows]:
        """The k best of some items (m,) for each query (B, d), best first and ties by row: (B, min(k, m))."""
        if len(self.vectors) <= SMALL:
            if len(rows) * DENSE > len(self):
                scores = inner_products(queries, self._all)
                if self.further is not None:
                    raise_scores(scores, self.further.owners, scores[:, len(self) :])
                scores = scores[:, rows]  # (B, m)
            else:
                scores = inner_products_at(queries, self._all, rows)
                if self.further is not None:
                    further, places = self.further.rows_of(rows)
                    raise_scores(scores, places, inner_products_at(queries, self._all, further))
            return top(scores.round(DECIMALS), np.broadcast_to(rows, scores.shape), k)
        best = np.empty((len(queries), 0), dtype=np.float32)
        kept = np.empty(best.shape, dtype=np.int64)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            scores = self._products(queries, block)  # (B, block)
            if self.further is not None:
                self._raise(queries, block, scores)
            scores = scores.round(DECIMALS)
            numbers = np.broadcast_to(block, scores.shape)
            best, kept = top(np.hstack([best, scores]), np.hstack([kept, numbers]), k)
        return best, kept

    def _raise(self, queries: Embeddings, items: Rows, scores: Scores) -> None:
        """Raises the scores (B, m) of items (m,) to those of their further images."""
        assert self.further is not None
        further, places = self.further.rows_of(items)
        for start in range(0, len(further), BLOCK):
            part = slice(start, start + BLOCK)
            raise_scores(scores, places[part], self._products(queries, further[part]))

    def _products(self, queries: Embeddings, rows: Rows) -> Scores:
        """The cosines (B, m) of queries (B, d) and some rows (m,)."""
        wider, products = queries * WIDER, np.empty((len(queries), len(rows)), np.float32)
        for start in range(0, len(rows), CACHED):
            part = slice(start, start + CACHED)
            products[:, part] = inner_products(wider, _widened(self.vectors[rows[part]]))
        products *= self._scales[rows]
        return products

    @cached_property
    def _all(self) -> Embeddings:
        """All vectors (n, d) at length one, of a small gallery."""
        unit: Embeddings = self.vectors.astype(np.float32)
        unit *= self._scales[:, np.newaxis]
        return unit

    def _touch(self) -> None:
        """Read one number of every page, so that no search waits for a page to be mapped."""
        step = max(1, mmap.PAGESIZE // (self.vectors.itemsize * self.vectors.shape[1]))
        np.max(self.vectors[::step, :1], initial=0)

    def __len__(self) -> int:
        """The number of items."""
        return len(self.vectors) if self.further is None else self.further.count


def inner_products(queries: Embeddings, vectors: Embeddings) -> Scores:
    """Inner products (B, n) of queries (B, d) and vectors (n, d); of few queries in the calling thread alone.

    The threads of numpy's BLAS wait for each other: if the cores are busy, a small product takes longer than a search.
    """
    if len(queries) > FEW:
        return queries @ vectors.T
    (count, dimension), multiply = vectors.shape, cast(_Products, faiss).fvec_inner_products_ny
    queries = np.ascontiguousarray(queries, np.float32)
    vectors = np.ascontiguousarray(vectors, np.float32)
    products = np.empty((len(queries), count), np.float32)
    pointer = faiss.swig_ptr(vectors)
    for query, line in zip(queries, products, strict=True):
        multiply(faiss.swig_ptr(line), faiss.swig_ptr(query), pointer, dimension, count)
    return products


def inner_products_at(queries: Embeddings, vectors: Embeddings, rows: Rows) -> Scores:
    """Inner products (B, m) of queries (B, d) and some rows (m,) of vectors (n, d), which are not copied."""
    multiply, products = (
        cast(_Products, faiss).fvec_inner_products_by_idx,
        np.empty((len(queries), len(rows)), np.float32),
    )
    rows, pointer = np.ascontiguousarray(rows), faiss.swig_ptr(vectors)
    for query, line in zip(np.ascontiguousarray(queries, np.float32), products, strict=True):
        query_pointer, row_pointer = faiss.swig_ptr(query), faiss.swig_ptr(rows)
        multiply(faiss.swig_ptr(line), query_pointer, pointer, row_pointer, vectors.shape[1], 1, len(rows))
    return products


def scaled(vectors: Vectors) -> NDArray[np.float32]:
    """The factors (n,) that scale vectors (n, d) to length one; a vector of zeros stays as it is."""
    found = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        lengths = np.linalg.norm(vectors[start : start + BLOCK].astype(np.float32), axis=1)
        found[start : start + BLOCK] = 1 / np.maximum(lengths, 1e-12)
    return found


def _widened(halves: Vectors) -> Embeddings:
    """Vectors (…, d) in single precision, but 2^-112 times as large: by bits, since numpy converts each number alone.

    Sign and mantissa keep their places relative to the exponent, whose offset is the factor.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= -0x70002000  # the sign, which the shift has copied, and the 15 bits of exponent and mantissa
    return bits.view(np.float32)


def top(scores: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
    """The k best of (B, m), best first and ties by row: (B, min(k, m))."""
    if k + SORTED < scores.shape[1]:
        # keep every score that ties with the k-th, or an arbitrary row of the tie would win
        worst = np.partition(scores, -k, axis=1)[:, -k, np.newaxis]  # (B, 1)
        if len(scores) == 1:
            some = np.flatnonzero(scores[0] >= worst[0])
            scores, rows = scores[:, some], rows[:, some]
        elif (kept := int((scores >= worst).sum(axis=1).max())) < scores.shape[1]:
            some = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
            scores, rows = np.take_along_axis(scores, some, axis=1), np.take_along_axis(rows, some, axis=1)
    return sort(scores, rows, k)


def sort(scores: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
    """As `top`, by sorting all scores; faster if there are few."""
    order = np.lexsort((rows, -scores))[:, :k]
    lines = np.arange(len(order))[:, np.newaxis]
    return scores[lines, order], rows[lines, order]


class _Products(Protocol):
    """Functions of FAISS that its type stubs lack."""

    def fvec_inner_products_ny(self, products: object, query: object, vectors: object, d: int, n: int) -> None: ...

    def fvec_inner_products_by_idx(
        self, products: object, queries: object, vectors: object, rows: object, d: int, nx: int, ny: int
    ) -> None: ...
