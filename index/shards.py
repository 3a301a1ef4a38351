"""The vectors of a snapshot as several FAISS IVF files with the same lists, searched as if they were one.

FAISS's ids are our row numbers, dense and the same in every shard; row r lies in shard r modulo the number of
shards. We search shard by shard and merge ourselves: FAISS's IndexShardsIVF ignores filters without an error.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np

from index.recall import Rows, Scores, Vectors
from models.arrays import Embeddings, normalised
from models.errors import GalleryBroken, GalleryError

POINTS_PER_LIST = 39  # fewer train a poor centroid
TRAINING_POINTS_PER_LIST = 128
ADD_BLOCK = 16384
DECIMALS = 6  # of a score: twins may differ beyond, by the order of summation


def lists(count: int) -> int:
    """How many lists a gallery of `count` items is cut into."""
    return max(1, min(int(4 * count**0.5), count // POINTS_PER_LIST))


def train(vectors: Vectors, *, seed: int = 0) -> faiss.IndexIVFFlat:
    """An empty index whose lists are those of the vectors (n, d); every shard starts as a copy of it."""
    count, dimension = vectors.shape
    nlist = lists(count)
    size = min(count, nlist * TRAINING_POINTS_PER_LIST)
    sample = np.sort(np.random.default_rng(seed).choice(count, size=size, replace=False))
    coarse = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, nlist, faiss.METRIC_INNER_PRODUCT)
    coarse.cp.min_points_per_centroid = 1  # a gallery of one item is a gallery
    faiss.omp_set_num_threads(os.cpu_count() or 1)  # of this thread; a search sets it back to one
    coarse.train(normalised(vectors[sample].astype(np.float32)))
    return coarse


def write(folder: Path, coarse: faiss.IndexIVFFlat, vectors: Vectors, *, shards: int) -> list[tuple[str, int]]:
    """Writes the shards and gives the name and the count of each; their order is their number.

    Raises GalleryError where the disk takes no more.
    """
    written: list[tuple[str, int]] = []
    for number in range(shards):
        shard = faiss.clone_index(coarse)
        rows = np.arange(number, len(vectors), shards, dtype=np.int64)
        for start in range(0, len(rows), ADD_BLOCK):
            block = rows[start : start + ADD_BLOCK]
            # half precision leaves lengths off by a thousandth; a score is a cosine
            shard.add_with_ids(normalised(vectors[block].astype(np.float32)), block)
        name = f"shard-{number:04d}.faiss"
        try:
            faiss.write_index(shard, str(folder / name))
        except RuntimeError as error:
            raise GalleryError(f"{folder / name} cannot be written ({error}): make room and build again") from error
        written.append((name, len(rows)))
    return written


class Shards:
    """The opened shards of one snapshot; never changed, so that many threads may search at once."""

    def __init__(self, shards: Sequence[faiss.IndexIVFFlat]) -> None:
        self._shards = tuple(shards)
        self.count = sum(int(shard.ntotal) for shard in shards)
        self.nlist = int(shards[0].nlist)
        self.dimension = int(shards[0].d)

    @classmethod
    def open(cls, paths: Sequence[Path]) -> "Shards":
        """Maps the files read-only; raises GalleryBroken where one is not a shard of the others' kind."""
        opened: list[faiss.IndexIVFFlat] = []
        for path in paths:
            try:
                # without READ_ONLY the map would be writable, and an add would change the published file
                shard = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
            except RuntimeError as error:
                raise GalleryBroken(f"{path} is not a FAISS index ({error}): rebuild the gallery") from error
            if not isinstance(shard, faiss.IndexIVFFlat) or shard.metric_type != faiss.METRIC_INNER_PRODUCT:
                raise GalleryBroken(f"{path} is a {type(shard).__name__}, no shard of ours: rebuild the gallery")
            if opened and (shard.d, shard.nlist) != (opened[0].d, opened[0].nlist):
                raise GalleryBroken(f"{path} has other lists than {paths[0].name}: rebuild the gallery")
            opened.append(shard)
        return cls(opened)

    def search(self, queries: Embeddings, k: int, nprobe: int) -> tuple[Scores, Rows]:
        """Scores and rows (B, k), best first and ties by row; row -1 where the probed lists hold fewer than k."""
        faiss.omp_set_num_threads(1)  # counts for the calling thread only, so it is said here, not at the start
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = nprobe  # of this call: the shared index's own is never touched
        found = [shard.search(queries, k, params=parameters) for shard in self._shards]
        scores = np.concatenate([scores for scores, _ in found], axis=1)  # (B, k · shards)
        rows = np.concatenate([rows for _, rows in found], axis=1)
        scores[rows < 0] = -np.inf  # FAISS's padding, so that it sorts last
        scores = scores.round(DECIMALS)
        order = np.lexsort((rows, -scores))[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def search_all(self, queries: Embeddings, k: int, nprobe: int) -> tuple[Scores, Rows]:
        """As `search`, but a query whose probed lists hold fewer than k of the gallery is searched in all lists."""
        k = min(k, self.count)
        scores, rows = self.search(queries, k, nprobe)
        short = rows[:, -1] < 0
        if short.any() and nprobe < self.nlist:
            scores[short], rows[short] = self.search(queries[short], k, self.nlist)
        return scores, rows
