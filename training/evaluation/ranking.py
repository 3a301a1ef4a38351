"""Exact rankings of a benchmark's galleries, by score in float32 and then by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embeddings
from models.errors import InputError
from training.evaluation.benchmarks.benchmark import BenchmarkQuery
from training.evaluation.result import NEVER, RANKING_NAMES, Answers
from training.metrics import retrieval

BLOCK = 64  # queries that are scored together: 30 MB of scores over CIRCO's gallery


@dataclass(frozen=True, slots=True)
class RankedGallery:
    """Images to rank: sorted names, so that a tie carries no information about the target, and their embeddings."""

    names: Sequence[str]
    vectors: Embeddings  # (N, d)
    places: Mapping[str, int]  # for a name that occurs twice, the later one: it ranks behind its own copy

    @classmethod
    def select(cls, names: Sequence[str], vectors: Embeddings, row_of: Mapping[str, int]) -> "RankedGallery":
        """Select the images of those names; their embeddings are in the rows of `vectors` (all, d)."""
        ordered = sorted(names)
        rows = np.array([row_of[name] for name in ordered], dtype=np.int64)
        whole = len(rows) == len(vectors) and bool((rows == np.arange(len(rows))).all())
        chosen = vectors if whole else vectors[rows]  # no copy of a large memory-mapped array
        return cls(ordered, chosen, {name: place for place, name in enumerate(ordered)})


def ranked(
    ways: Mapping[str, Embeddings],
    queries: Sequence[BenchmarkQuery],
    galleries: Mapping[str, Sequence[str]],
    *,
    vectors: Embeddings,
    row_of: Mapping[str, int],
) -> dict[str, Answers]:
    """Return the answers of each way, from its query vectors (B, d); an image's own vector is at `row_of[name]`.

    Raises InputError for a vector that is not finite: it has no order, not even behind excluded items.
    """
    for way, query_vectors in ways.items():
        lost = np.flatnonzero(~np.isfinite(query_vectors).all(axis=1))
        if len(lost):
            id = queries[int(lost[0])].id
            raise InputError(f"the query {id} has no finite vector by {way}: take another provider")
    found: dict[str, list[_Answer]] = {way: [_NOTHING] * len(queries) for way in ways}
    for rows, gallery in _by_gallery(queries, galleries, vectors, row_of):
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            for way, query_vectors in ways.items():
                scores = query_vectors[block] @ gallery.vectors.T  # (b, N)
                for row, values in zip(block, scores, strict=True):
                    found[way][row] = _answer(queries[row], values, gallery)
    subsets = any(query.subset for query in queries)
    return {
        way: Answers(
            ranks=tuple(answer.ranks for answer in answers),
            first=tuple(answer.first for answer in answers),
            subset=tuple(answer.subset for answer in answers) if subsets else (),
        )
        for way, answers in found.items()
    }


@dataclass(frozen=True, slots=True)
class _Answer:
    ranks: tuple[int, ...]
    first: tuple[str, ...]
    subset: tuple[str, ...]


_NOTHING = _Answer((), (), ())


def _by_gallery(
    queries: Sequence[BenchmarkQuery],
    galleries: Mapping[str, Sequence[str]],
    vectors: Embeddings,
    row_of: Mapping[str, int],
) -> Iterator[tuple[list[int], RankedGallery]]:
    """Yield the rows of the queries over each gallery; a query with its own small gallery alone."""
    shared: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        if isinstance(query.gallery, str):
            shared.setdefault(query.gallery, []).append(row)
        else:
            yield [row], RankedGallery.select(query.gallery, vectors, row_of)
    for name, rows in shared.items():
        yield rows, RankedGallery.select(galleries[name], vectors, row_of)


def _answer(query: BenchmarkQuery, scores: NDArray[np.float32], gallery: RankedGallery) -> _Answer:
    excluded = [gallery.places[name] for name in query.excluded if name in gallery.places]
    scores[excluded] = -np.inf
    order = retrieval.order(scores)  # (N,), the excluded last
    order = order[: len(order) - len(excluded)]
    ranks = np.full(len(scores), NEVER, dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    rank_of = {name: int(ranks[gallery.places[name]]) for name in query.subset}
    return _Answer(
        ranks=tuple(int(ranks[gallery.places[name]]) if name in gallery.places else NEVER for name in query.relevant),
        first=tuple(gallery.names[place] for place in order[:RANKING_NAMES]),
        subset=tuple(sorted(rank_of, key=rank_of.__getitem__)),
    )
