"""Prepared queries of one kind as vectors, from one forward pass for all their images and texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from index.search.request import SearchRequest
from models.arrays import Embeddings, Pixels, Rows, Scores, normalised, unlike
from models.encoder import Changes, Encoder
from service.search.references import PreparedImage
from service.search.stated_fact import StatedFact
from service.search.stopwatch import Stopwatch

# the parts of a query, and so the graphs that encode it; none for an item, whose vector is in the gallery
Kind: TypeAlias = Literal["composed", "image", "item", "text"]
UNLIKE = 0.1  # weight of an image to be unlike: see docs/training.md


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query that has been validated and decoded."""

    kind: Kind
    references: Sequence[PreparedImage]
    unlike: Sequence[PreparedImage]
    text: str
    text_weight: float
    request: SearchRequest
    notes: Sequence[str]
    watch: Stopwatch
    understood: Sequence[StatedFact] = ()


@dataclass(frozen=True, slots=True)
class EncodedQueries:
    """Queries of one kind as vectors (B, d), and for composed queries what the re-ranker needs."""

    vectors: Embeddings
    cut: Sequence[bool]  # (B,): whether the text was truncated
    pixels: Pixels | None = None  # (B, 3, S, S), of each query's first reference
    changes: Changes | None = None

    def rescore(self, numbers: Sequence[int], candidates: Embeddings, encoder: Encoder) -> Scores:
        """Return the re-ranker's scores (b, K) for candidates (b, K, d) of the queries with these numbers."""
        assert self.pixels is not None and self.changes is not None  # `prepare` lets only composed queries through
        rows = np.array(numbers)
        return encoder.rerank(
            self.pixels[rows], self.changes.take(rows), composed=self.vectors[rows], candidates=candidates
        )


def encode(queries: Sequence[PreparedQuery], encoder: Encoder) -> EncodedQueries:
    """Return the queries as vectors.

    That of several references is the normalised, weighted mean of the vectors that each has with the text; away from
    each image to be unlike it is moved by UNLIKE times its weight (docs/training.md has what that finds).
    """
    encoded = _with_references(queries, encoder)
    if not any(query.unlike for query in queries):
        return encoded
    images = [image for query in queries for image in query.unlike]
    vectors, weights = _vectors(images, encoder), _weights(images)
    moved, start = encoded.vectors.copy(), 0
    for number, query in enumerate(queries):
        for place in range(start, start + len(query.unlike)):
            one, other = moved[number : number + 1], vectors[place : place + 1]
            moved[number] = unlike(one, other, weights=UNLIKE * weights[place : place + 1])[0]
        start += len(query.unlike)
    return EncodedQueries(moved, encoded.cut, encoded.pixels, encoded.changes)


def _with_references(queries: Sequence[PreparedQuery], encoder: Encoder) -> EncodedQueries:
    kind, texts = queries[0].kind, [query.text for query in queries]
    if kind == "text":
        words = encoder.tokenize(texts)
        return EncodedQueries(encoder.words(words), words.truncated.tolist())
    images = [image for query in queries for image in query.references]
    counts = [len(query.references) for query in queries]
    if kind != "composed":
        vectors = _mean(_vectors(images, encoder), images, counts)
        return EncodedQueries(vectors, [False] * len(queries))
    changes = encoder.changes(texts)
    owners: Rows = np.repeat(np.arange(len(queries)), counts)  # (R,), the query of each reference
    weights = np.array([query.text_weight for query in queries], np.float32)
    pixels = np.stack([image.pixels for image in images if image.pixels is not None])  # (R, 3, S, S)
    several = len(images) > len(queries)
    vectors = encoder.compose(pixels, changes.take(owners) if several else changes, text_weight=weights[owners])
    first = np.searchsorted(owners, np.arange(len(queries)))
    cut: list[bool] = changes.tokens.truncated.tolist()
    return EncodedQueries(_mean(vectors, images, counts), cut, pixels[first] if several else pixels, changes)


def _vectors(images: Sequence[PreparedImage], encoder: Encoder) -> Embeddings:
    """Return the gallery's vectors (R, d) of images, stored or encoded now."""
    pixels = [image.pixels for image in images if image.pixels is not None]
    stored = [image.vector for image in images if image.vector is not None]
    if not pixels:
        return np.stack(stored)
    encoded = encoder.gallery(np.stack(pixels))
    if not stored:
        return encoded
    vectors = np.empty((len(images), encoded.shape[1]), np.float32)
    decoded = np.array([image.pixels is not None for image in images])
    vectors[decoded], vectors[~decoded] = encoded, np.stack(stored)
    return vectors


def _mean(vectors: Embeddings, images: Sequence[PreparedImage], counts: Sequence[int]) -> Embeddings:
    """Return the weighted mean (B, d) of each query's vectors (R, d), at length one; a lone one stays as it is."""
    if len(vectors) == len(counts):
        return vectors
    starts = np.cumsum([0, *counts[:-1]])
    sums: NDArray[np.float32] = np.add.reduceat(_weights(images)[:, np.newaxis] * vectors, starts, axis=0)
    means, alone = normalised(sums), np.array(counts) == 1
    means[alone] = vectors[starts[alone]]
    return means


def _weights(images: Sequence[PreparedImage]) -> NDArray[np.float32]:
    return np.array([image.weight for image in images], np.float32)
