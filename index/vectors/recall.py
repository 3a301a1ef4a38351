"""Measures the recall of a search against an exact search, on synthetic composed queries."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.vectors.exact import Exact
from models.arrays import Embeddings, Rows, Scores, Vectors, normalised
from models.errors import GalleryBroken

Search = Callable[[Embeddings, int, int], tuple[Scores, Rows]]  # queries, k, nprobe → scores and rows

RECALL_AT = 10  # recall@10
QUERIES = 512
GAP = 0.4  # half the distance between CLIP's mean image and mean text, since a composed query is half text
TIE = 1e-5  # difference of scores that rounding can cause


def composed_queries(vectors: Vectors, *, count: int, seed: int) -> Embeddings:
    """(count, d) mixtures of two gallery vectors, moved by one modality gap: composed queries lie off the gallery,
    and need about four times the lists that a gallery vector needs."""
    generator = np.random.default_rng(seed)
    first, second = generator.integers(len(vectors), size=(2, count))
    weight = generator.uniform(0.3, 0.7, size=(count, 1))
    gap = generator.standard_normal(vectors.shape[1])
    mixed = weight * vectors[first].astype(np.float64) + (1 - weight) * vectors[second].astype(np.float64)
    return normalised((mixed + GAP * gap / np.linalg.norm(gap)).astype(np.float32))


def recall(found: Scores, truth: Scores) -> float:
    """Share of the true best that the search returned; an equal score counts, since duplicates are equally good."""
    worst = truth[:, -1:] - TIE  # (B, 1)
    return float(np.minimum((found >= worst).sum(axis=1), truth.shape[1]).mean() / truth.shape[1])


@dataclass(frozen=True, slots=True)
class RecallProbe:
    """Composed queries (B, d) and the exact scores of each one's best (B, k): used to measure a snapshot."""

    queries: Embeddings
    truth: Scores

    @classmethod
    def sample(cls, exact: Exact) -> "RecallProbe":
        """The probe of a gallery, the same for the same vectors; of an empty one it has no queries."""
        if not len(exact):
            return cls(np.empty((0, exact.vectors.shape[1]), np.float32), np.empty((0, RECALL_AT), np.float32))
        queries = composed_queries(exact.vectors, count=QUERIES, seed=0)
        truth, _ = exact.best(queries, np.arange(len(exact)), RECALL_AT)
        return cls(queries, truth)

    @classmethod
    def open(cls, path: Path) -> "RecallProbe":
        """Read the probe of a snapshot; raises GalleryBroken if the file is none."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["queries"], arrays["truth"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise GalleryBroken(f"{path} is no probe of a snapshot ({error}): roll back or rebuild") from error

    def write(self, path: Path) -> None:
        """Writes the probe into a snapshot."""
        np.savez(path, queries=self.queries, truth=self.truth)

    def recall(self, search: Search, nprobe: int) -> float:
        """Recall@k of a search with `nprobe` lists."""
        found, rows = search(self.queries, self.truth.shape[1], nprobe)
        return recall(np.where(rows >= 0, found, -np.inf).astype(np.float32), self.truth)

    def nprobe(self, search: Search, *, nlist: int, goal: float) -> tuple[int, float]:
        """The fewest lists with that recall, to within a fortieth of them, and the recall; all lists if none has it."""
        low, high = 0, 1  # low has too little, high is tried
        while (measured := self.recall(search, high)) < goal and high < nlist:
            low, high = high, min(nlist, 2 * high)
        while high - low > max(1, high // 40):
            middle = (low + high) // 2
            if (found := self.recall(search, middle)) < goal:
                low = middle
            else:
                high, measured = middle, found
        return high, measured
