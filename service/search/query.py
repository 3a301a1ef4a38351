"""A query and its answer: each query is prepared alone, then queries of one kind are answered in one batch."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from index.gallery import Gallery, GalleryView
from index.items.facets import Facets
from index.items.items import GalleryItem
from index.search import deadline
from index.search.request import Hit, SearchRequest
from index.sources import image_bytes
from models.arrays import Embeddings, Pixels, Scores
from models.encoder import Changes, Encoder
from models.errors import DeadlineExceeded, InputError
from service.errors import Unusable
from service.images import thumbnails
from service.images.download import Unfetchable
from service.settings import Settings

# the parts of a query, and so the graphs that encode it; none for an item, whose vector is in the gallery
Kind: TypeAlias = Literal["composed", "image", "item", "text"]


@dataclass(frozen=True, slots=True)
class Query:
    """An image (bytes, or an item of the gallery, possibly with its bytes), a text, or both."""

    image: bytes | None
    item_id: str | None
    text: str | None
    request: SearchRequest
    exclude_reference: bool = True
    text_weight: float | None = None  # None: the default of the bundle
    image_url: str | None = None  # fetched into `image` before it is decoded

    @property
    def needs_image(self) -> bool:
        """True if an image must be decoded: an item without a text is searched by its stored vector."""
        composed = self.item_id is not None and bool((self.text or "").strip())
        return composed or self.image is not None or self.image_url is not None


@dataclass(frozen=True, slots=True)
class NeedsFetch:
    """A query whose image must be fetched first, from its URL or from the URI of its item."""

    query: Query
    item: GalleryItem | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, best first, with the milliseconds of each stage."""

    hits: list[Hit]
    total: int
    facets: Facets
    snapshot: str
    model: str
    took_ms: dict[str, float]
    notes: list[str]
    diagnostics: list[str]
    chances: list[float] | None = None  # that each hit satisfies the query, if the bundle can tell


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds of each stage, in the order in which the stages first ended."""

    took_ms: dict[str, float] = field(default_factory=dict)
    _stage: str | None = None
    _began: float = 0.0  # of time.perf_counter

    def add(self, name: str, seconds: float) -> None:
        """Adds to the time of a stage."""
        self.took_ms[name] = round(self.took_ms.get(name, 0.0) + seconds * 1000, 3)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the body of the `with` statement; a stage inside another stops the outer one until it ends."""
        outer = self._switch(name)
        try:
            yield
        finally:
            self._switch(outer)

    def _switch(self, stage: str | None) -> str | None:
        now, previous = time.perf_counter(), self._stage
        if previous is not None:
            self.add(previous, now - self._began)
        self._stage, self._began = stage, now
        return previous


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query that has been validated and decoded."""

    kind: Kind
    pixels: Pixels | None  # (3, S, S)
    vector: Embeddings | None  # (d,), of an item without a text
    text: str
    text_weight: float
    request: SearchRequest
    notes: Sequence[str]
    watch: Stopwatch


def needs_fetch(query: Query, view: GalleryView) -> NeedsFetch | None:
    """Return the image to fetch over the network, None if there is none; raises UnknownItem.

    The image of an item is needed only with a text.
    """
    item = None if query.item_id is None else view.item(query.item_id)
    if query.image_url is not None or (item is not None and image_bytes.host(item.uri) and (query.text or "").strip()):
        return NeedsFetch(query, item)
    return None


def prepare(
    query: Query, *, encoder: Encoder, view: GalleryView, settings: Settings, watch: Stopwatch
) -> PreparedQuery:
    """Validates the query and decodes its image; raises UnknownItem, and InputError if the query cannot be used."""
    text = checked_text(query, settings)
    request, data, vector = query.request, query.image, None
    if request.rerank and not encoder.reranks:
        detail = f"{encoder.manifest.model_id} has no re-ranker: leave out rerank, or serve a bundle that has one"
        raise Unusable(detail, fields=[{"field": "rerank", "detail": detail}])
    if not 1 <= request.k <= settings.max_k:
        raise Unusable(
            f"k must be between 1 and {settings.max_k}", fields=[{"field": "k", "detail": f"1 to {settings.max_k}"}]
        )
    with watch.stage("decode"):
        view.check(request)
        if query.item_id is not None:
            item = view.item(query.item_id)
            if not text:
                vector = view.vector(query.item_id)
            elif data is None:  # it was not fetched before
                data = thumbnails.read(item, max_bytes=settings.max_image_bytes, private_hosts=False)
            if query.exclude_reference:
                request = replace(request, reference=query.item_id)
        elif data is not None and text and query.exclude_reference:  # without a text, the caller looks for this image
            request = replace(request, content=hashlib.sha256(data).hexdigest())
        pixels = None
        try:
            if data is not None:
                pixels = encoder.preprocess(data, max_pixels=settings.max_pixels)
        except InputError as error:
            if query.image_url is None:
                raise
            raise Unfetchable(query.image_url, str(error)) from error
    image_kind: Kind = "composed" if text else "image"
    kind: Kind = "item" if vector is not None else "text" if pixels is None else image_kind
    notes = []
    if query.text_weight is not None and kind != "composed":
        notes.append("text_weight was ignored: it applies only to a query with both an image and a text")
    if request.rerank and kind != "composed":
        request = replace(request, rerank=0)
        notes.append("rerank was ignored: it applies only to a query with both an image and a text")
    if (read := encoder.spelt(text)) != text:
        notes.append(f"the text was read as: {read}")
        text = read
    weight = encoder.manifest.text_weight if query.text_weight is None else query.text_weight
    return PreparedQuery(kind, pixels, vector, text, weight, request, notes, watch)


def answer_batch(
    queries: Sequence[PreparedQuery], *, encoder: Encoder, gallery: Gallery
) -> list[Answer | DeadlineExceeded]:
    """Return the answers to queries of one kind, from one forward pass and one search of one snapshot."""
    watch = Stopwatch()  # of the whole batch

    def rescore(numbers: Sequence[int], candidates: Embeddings) -> Scores:
        with watch.stage("rerank"):
            return encoded.rescore(numbers, candidates, encoder)

    try:
        with watch.stage("encode"):
            encoded = _encode(queries, encoder)
        with watch.stage("search"):
            results = gallery.view().search(encoded.vectors, [query.request for query in queries], rescore=rescore)
    finally:
        for query in queries:
            for stage, ms in watch.took_ms.items():
                query.watch.add(stage, ms / 1000)
    truncated = f"the text was cut: the model reads {encoder.manifest.context_length} tokens"
    return [
        Answer(
            result.hits,
            result.total,
            result.facets,
            gallery.manifest.name,
            encoder.manifest.model_id,
            query.watch.took_ms,
            [*([truncated] if is_cut else []), *query.notes, *result.notes],
            [*result.diagnostics],
            _chances(query, result.hits, encoder),
        )
        if not result.is_overdue
        else deadline.exceeded()
        for query, result, is_cut in zip(queries, results, encoded.cut, strict=True)
    ]


def _chances(query: PreparedQuery, hits: Sequence[Hit], encoder: Encoder) -> list[float] | None:
    """Return the chance that each hit satisfies the query; None if the bundle's calibration is of other queries."""
    manifest = encoder.manifest
    if manifest.calibration is None or query.kind not in ("composed", "text"):
        return None
    if query.kind == "composed" and query.text_weight != manifest.text_weight:
        return None
    curve = manifest.calibration.composed if query.kind == "composed" else manifest.calibration.text
    chances: list[float] = curve.chance(np.array([hit.score for hit in hits])).round(3).tolist()
    return chances


def answer_one(query: Query, *, encoder: Encoder, gallery: Gallery, settings: Settings, watch: Stopwatch) -> Answer:
    """Answers one query by itself; raises as `prepare` does."""
    prepared = prepare(query, encoder=encoder, view=gallery.view(), settings=settings, watch=watch)
    (answer,) = answer_batch([prepared], encoder=encoder, gallery=gallery)
    if isinstance(answer, DeadlineExceeded):
        raise answer
    return answer


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Queries of one kind as vectors (B, d), and for composed queries what the re-ranker needs."""

    vectors: Embeddings
    cut: Sequence[bool]  # (B,): whether the text was truncated
    pixels: Pixels | None = None  # (B, 3, S, S)
    changes: Changes | None = None

    def rescore(self, numbers: Sequence[int], candidates: Embeddings, encoder: Encoder) -> Scores:
        """Return the re-ranker's scores (b, K) for candidates (b, K, d) of the queries with these numbers."""
        assert self.pixels is not None and self.changes is not None  # `prepare` lets only composed queries through
        rows = np.array(numbers)
        return encoder.rerank(
            self.pixels[rows], self.changes.take(rows), composed=self.vectors[rows], candidates=candidates
        )


def _encode(queries: Sequence[PreparedQuery], encoder: Encoder) -> _Encoded:
    texts = [query.text for query in queries]
    if queries[0].kind == "text":
        words = encoder.tokenize(texts)
        return _Encoded(encoder.words(words), words.truncated.tolist())
    if queries[0].kind == "item":
        return _Encoded(
            np.stack([query.vector for query in queries if query.vector is not None]), [False] * len(queries)
        )
    pixels = np.stack([query.pixels for query in queries if query.pixels is not None])  # (B, 3, S, S)
    if queries[0].kind == "image":
        return _Encoded(encoder.gallery(pixels), [False] * len(queries))
    changes = encoder.changes(texts)
    weights = np.array([query.text_weight for query in queries], np.float32)
    vectors = encoder.compose(pixels, changes, text_weight=weights)
    return _Encoded(vectors, changes.tokens.truncated.tolist(), pixels, changes)


def checked_text(query: Query, settings: Settings) -> str:
    """Return the query's text without surrounding white space, empty if there is none; raises Unusable."""
    text = (query.text or "").strip()
    if len(text) > settings.max_text_chars:
        detail = f"the text has {len(text)} characters, more than {settings.max_text_chars}"
        raise Unusable(detail, fields=[{"field": "text", "detail": detail}])
    if not text and query.image is None and query.item_id is None:
        raise Unusable("give an image, a text, or both")
    return text
