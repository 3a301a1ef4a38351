"""The vectors of a snapshot as several FAISS IVF files with the same lists, searched as if they were one.

FAISS's ids are our row numbers, dense and the same in every shard; row r lies in shard r modulo the number of
shards. The lists to probe are computed once, each shard is searched in them, and the results are merged: FAISS's
IndexShards computes them again for every shard, and its IndexShardsIVF ignores filters without an error.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from index.vectors import encodings, gpu
from index.vectors.encodings import ENCODING_FACTS, Encoding
from index.vectors.exact import DECIMALS, sort, top
from index.vectors.selection import Selection
from index.vectors.sub_index import SubIndexes
from models.arrays import Embeddings, Rows, Scores, Vectors, normalised
from models.errors import GalleryBroken

POINTS_PER_LIST = 39  # fewer give poor centroids
TRAINING_POINTS_PER_LIST = 64  # more take longer and do not raise recall
ADD_BLOCK = 16384
REACHED = 10  # the row, from the best, whose score says how far a query must reach
LEAST = -4.0  # below every score of a centroid
TRIED = 64  # hits of the search that checks the filter; the filter excludes half of them


def lists(count: int) -> int:
    """Number of IVF lists of a gallery of `count` items."""
    return max(1, min(int(4 * count**0.5), count // POINTS_PER_LIST))


def train(vectors: Vectors, *, encoding: Encoding, seed: int = 0) -> faiss.IndexIVF:
    """An empty index whose lists are those of the vectors (n, d); every shard starts as a copy of it.

    Without vectors it has one list.
    """
    if not len(vectors):
        vectors = np.ones((1, vectors.shape[1]), np.float16)
    count, dimension = vectors.shape
    nlist = lists(count)
    trained = encodings.empty(encoding, dimension=dimension, nlist=nlist)
    faiss.omp_set_num_threads(os.cpu_count() or 1)  # of this thread; a search sets it back to one
    trained.train(sample(vectors, nlist, seed=seed))
    return trained


def sample(vectors: Vectors, nlist: int, *, seed: int) -> Embeddings:
    """Some of the vectors (n, d), at length one and in their order, to train so many lists with."""
    size = min(len(vectors), nlist * TRAINING_POINTS_PER_LIST)
    rows = np.sort(np.random.default_rng(seed).choice(len(vectors), size=size, replace=False))
    chosen = np.empty((size, vectors.shape[1]), np.float32)  # of many lists it takes gigabytes: there is one copy
    for start in range(0, size, ADD_BLOCK):
        part = slice(start, start + ADD_BLOCK)
        chosen[part] = normalised(vectors[rows[part]].astype(np.float32))
    return chosen


def write(folder: Path, trained: faiss.IndexIVF, vectors: Vectors, *, shards: int) -> list[tuple[str, int]]:
    """Write the shards and return the name and count of each, in the order of their numbers.

    Raises GalleryError if the disk is full.
    """
    written: list[tuple[str, int]] = []
    for number in range(shards):
        shard = faiss.clone_index(trained)
        rows = np.arange(number, len(vectors), shards, dtype=np.int64)
        for start in range(0, len(rows), ADD_BLOCK):
            block = rows[start : start + ADD_BLOCK]
            # half precision leaves lengths off by a thousandth; a score is a cosine
            shard.add_with_ids(normalised(vectors[block].astype(np.float32)), block)
        name = f"shard-{number:04d}.faiss"
        encodings.write(shard, folder / name)
        written.append((name, len(rows)))
    return written


@dataclass(frozen=True, slots=True)
class Probes:
    """The lists that a query is searched in: the `count` nearest, or those of them within a margin, or more."""

    count: int
    # lists whose centroid scores less than the nearest one's by more than this share of its score are left out
    margin: float | None = None
    # further lists whose centroid scores at least the REACHED-th best row of the nearest ones, less this
    reach: float | None = None


class Shards:
    """The opened shards of one snapshot; never changed, so that many threads may search at once."""

    def __init__(self, shards: Sequence[faiss.IndexIVF], *, encoding: Encoding, gpus: bool = False) -> None:
        self._shards = tuple(shards)
        self._lists = shards[0].quantizer  # of all: they are copies of one
        self._copies = gpu.copies(self._shards, gpus=gpus)
        self._sub_indexes = SubIndexes(self._shards, encoding=encoding)
        self.encoding = encoding
        self.count = sum(int(shard.ntotal) for shard in shards)
        self.nlist = int(shards[0].nlist)
        self.dimension = int(shards[0].d)

    @classmethod
    def open(cls, paths: Sequence[Path], *, encoding: Encoding, gpus: bool = False) -> "Shards":
        """Map the files read-only, and with `gpus` copy them to the GPUs that FAISS sees.

        Raises GalleryBroken if a file is not a shard of this encoding with the same lists as the others, or if this
        version of FAISS returns rows that a filter excludes.
        """
        opened: list[faiss.IndexIVF] = []
        for path in paths:
            try:
                # without READ_ONLY the map would be writable, and an add would change the published file
                shard = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
            except RuntimeError as error:
                raise GalleryBroken(f"{path} is not a FAISS index ({error}): rebuild the gallery") from error
            if type(shard) is not ENCODING_FACTS[encoding].index or shard.metric_type != faiss.METRIC_INNER_PRODUCT:
                raise GalleryBroken(f"{path} is a {type(shard).__name__}, not encoded as {encoding}: rebuild it")
            if opened and not _same_lists(shard, opened[0]):
                raise GalleryBroken(f"{path} has other lists than {paths[0].name}: rebuild the gallery")
            opened.append(shard)
        made = cls(opened, encoding=encoding, gpus=gpus)
        made._check_filter(paths[0].parent)
        return made

    @property
    def on_gpus(self) -> bool:
        """True if searches without a filter run on GPUs."""
        return bool(self._copies)

    def search(
        self, queries: Embeddings, k: int, probes: Probes, *, only: Selection | None = None
    ) -> tuple[Scores, Rows]:
        """Scores and rows (B, k), best first and ties by row; row −1 if the probed lists hold fewer than k.

        Only rows of `only` are returned. Scores are those of the encoding: near the cosine, for `flat` equal to it.
        """
        faiss.omp_set_num_threads(1)  # applies to the calling thread only, so it is set here and not at the start
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if self._copies and only is None and probes.reach is None and max(k, probes.count) <= gpu.MOST:
            found = self._copies.search(queries, k, probes.count)
            if found is not None:
                return _merged(np.stack([each for each, _ in found]), np.stack([each for _, each in found]), k)
        count, pointer = len(queries), faiss.swig_ptr(queries)
        near, lists = np.empty((count, probes.count), np.float32), np.empty((count, probes.count), np.int64)
        near_pointer, lists_pointer = faiss.swig_ptr(near), faiss.swig_ptr(lists)
        cast(_Compiled, self._lists).search_c(count, pointer, probes.count, near_pointer, lists_pointer)
        if probes.margin is not None:
            best = near[:, :1]
            lists[near < best - probes.margin * np.abs(best)] = -1  # FAISS passes over it
        scores, rows = self._searched(queries, k, lists, near, only)
        if probes.reach is not None and probes.count < self.nlist:
            least = np.maximum(scores[:, min(REACHED, k) - 1] - probes.reach, LEAST)  # (B,)
            some = np.flatnonzero(near[:, -1] >= least)
            if len(some):
                self._reach(some, least, queries, lists, scores, rows, only)
        return scores, rows

    def _reach(
        self,
        some: Rows,
        least: Scores,
        queries: Embeddings,
        near: Rows,
        scores: Scores,
        rows: Rows,
        only: Selection | None,
    ) -> None:
        """Searches `some` queries (b,) in further lists, too: those whose centroids score at least that much (B,).

        `near` (B, n) are the lists that have been searched. The better rows go into `scores` and `rows` (B, k).
        """
        alike = queries[some] @ self._centroids.T  # (b, nlist)
        np.put_along_axis(alike, near[some], -np.inf, axis=1)
        passing = alike >= least[some, np.newaxis]
        width = int(passing.sum(axis=1).max())
        if not width:
            return
        lists = np.argpartition(-alike, width - 1, axis=1)[:, :width] if width < self.nlist else np.argsort(-alike)
        at = np.take_along_axis(alike, lists, axis=1)
        lists[at < least[some, np.newaxis]] = -1
        k = scores.shape[1]
        more, more_rows = self._searched(queries[some], k, np.ascontiguousarray(lists), np.ascontiguousarray(at), only)
        both = np.concatenate([scores[some], more], axis=1), np.concatenate([rows[some], more_rows], axis=1)
        scores[some], rows[some] = top(*both, k)

    @cached_property
    def _centroids(self) -> Embeddings:
        return cast(Embeddings, self._lists.reconstruct_n(0, self.nlist))  # (nlist, d)

    def _searched(
        self, queries: Embeddings, k: int, lists: Rows, near: Scores, only: Selection | None
    ) -> tuple[Scores, Rows]:
        """The k best of each query (B, d) in its lists (B, n), whose centroids have the scores `near` (B, n)."""
        parameters = faiss.SearchParametersIVF()  # for this call only: the index is shared between threads
        parameters.nprobe = lists.shape[1]
        sub_index = None if only is None else only.sub_index
        shards = self._shards if sub_index is None else (sub_index,)
        if only is not None and sub_index is None:
            parameters.sel = only.selector
        scores = np.empty((len(shards), len(queries), k), np.float32)
        rows = np.empty(scores.shape, np.int64)
        for shard, scores_of, rows_of in zip(shards, scores, rows, strict=True):
            cast(_Compiled, shard).search_preassigned_c(
                len(queries),
                faiss.swig_ptr(queries),
                k,
                faiss.swig_ptr(lists),
                faiss.swig_ptr(near),
                faiss.swig_ptr(scores_of),
                faiss.swig_ptr(rows_of),
                False,
                parameters,
            )
        return _merged(scores, rows, k)

    def narrow(self, only: Selection) -> None:
        """Gives the selection an index of its rows alone, which later searches with it use."""
        only.sub_index = self._sub_indexes.copied(only.mask)

    def _check_filter(self, path: Path) -> None:
        """Raise GalleryBroken if these index objects return rows that a selector excludes, as some FAISS indexes do."""
        if not self.count:
            return
        query = np.full((1, self.dimension), self.dimension**-0.5, dtype=np.float32)
        _, found = self.search(query, min(self.count, TRIED), Probes(self.nlist))
        mask = np.zeros(int(found.max()) + 1, dtype=np.bool_)
        mask[found[0, ::2]] = True
        _, rows = self.search(query, min(self.count, TRIED), Probes(self.nlist), only=Selection(mask))
        if not mask[rows[rows >= 0]].all():
            raise GalleryBroken(f"FAISS {faiss.__version__} ignores filters on {path}: install the version we pin")


def _merged(scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> tuple[Scores, Rows]:
    """The k best of all shards' results (shards, B, k)."""
    scores[rows < 0] = -np.inf  # FAISS's padding, so that it sorts last
    scores = scores.round(DECIMALS)
    if len(scores) == 1:
        is_tied = scores[0, :, 1:] == scores[0, :, :-1]  # FAISS sorts by score
        return sort(scores[0], rows[0], k) if is_tied.any() else (scores[0], rows[0])
    count = scores.shape[1]
    return top(scores.swapaxes(0, 1).reshape(count, -1), rows.swapaxes(0, 1).reshape(count, -1), k)


class _Compiled(Protocol):
    """Methods of a FAISS index that its type stubs lack, without the Python around them, which allows no selector."""

    def search_c(self, n: int, x: object, k: int, distances: object, labels: object) -> None: ...

    def search_preassigned_c(
        self,
        n: int,
        x: object,
        k: int,
        assign: object,
        centroid_dis: object,
        distances: object,
        labels: object,
        store_pairs: bool,
        params: faiss.SearchParametersIVF,
    ) -> None: ...


def _same_lists(shard: faiss.IndexIVF, other: faiss.IndexIVF) -> bool:
    if (shard.d, shard.nlist) != (other.d, other.nlist):
        return False
    return np.array_equal(*(each.quantizer.reconstruct_n(0, each.nlist) for each in (shard, other)))
