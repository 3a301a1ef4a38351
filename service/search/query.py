"""What is asked and answered: one query made ready by itself, then many of a kind answered in one pass of the model."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from index.gallery import Gallery
from index.items.facets import Facets
from index.items.items import GalleryItem
from index.search.request import Hit, SearchRequest
from models.arrays import Embeddings, Pixels, Scores
from models.encoder import Changes, Encoder
from service.errors import Unusable
from service.images import thumbnails
from service.settings import Settings

Kind: TypeAlias = Literal["composed", "image", "text"]  # what the query is made of, and so the graphs that make it


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: an image (bytes, or an item of the gallery, perhaps with its bytes), a text, or both."""

    image: bytes | None
    item_id: str | None
    text: str | None
    want: SearchRequest
    exclude_reference: bool = True
    text_weight: float | None = None  # None: the bundle's own
    image_url: str | None = None  # where the image is to be had, as long as it is not fetched


@dataclass(frozen=True, slots=True)
class NeedsFetch:
    """A query whose picture has to be fetched first: that of its URL, or of the item that it names."""

    query: Query
    item: GalleryItem | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, best first, with the milliseconds that each stage took."""

    hits: list[Hit]
    total: int
    facets: Facets
    snapshot: str
    model: str
    took_ms: dict[str, float]
    notes: list[str]


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage, in the order the stages ended."""

    took_ms: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """Adds to what the stage took before."""
        self.took_ms[name] = round(self.took_ms.get(name, 0.0) + seconds * 1000, 3)

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Times what is inside."""
        return shared_stage([self], name)


@contextmanager
def shared_stage(watches: Sequence[Stopwatch], name: str) -> Iterator[None]:
    """Times what is inside for all of them."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - start
        for watch in watches:
            watch.add(name, seconds)


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query that has been read and decoded: nothing about it can be wrong any more."""

    kind: Kind
    pixels: Pixels | None  # (3, S, S)
    text: str
    text_weight: float
    want: SearchRequest
    notes: Sequence[str]
    watch: Stopwatch


def needs_fetch(query: Query, gallery: Gallery) -> NeedsFetch | None:
    """What has to be fetched from another machine; None where nothing has. Raises UnknownItem."""
    item = None if query.item_id is None else gallery.item(query.item_id)
    if query.image_url is not None or (item is not None and "://" in item.uri):
        return NeedsFetch(query, item)
    return None


def prepare(query: Query, *, encoder: Encoder, gallery: Gallery, settings: Settings, watch: Stopwatch) -> PreparedQuery:
    """Checks the query and decodes its picture; raises InputError for what cannot be used and UnknownItem."""
    text = checked_text(query, settings)
    want, data = query.want, query.image
    if want.rerank and not encoder.reranks:
        detail = f"{encoder.manifest.model_id} has no re-ranker: leave out rerank, or serve a bundle that has one"
        raise Unusable(detail, fields=[{"field": "rerank", "detail": detail}])
    if not 1 <= want.k <= settings.max_k:
        raise Unusable(
            f"k must lie between 1 and {settings.max_k}", fields=[{"field": "k", "detail": f"1 to {settings.max_k}"}]
        )
    with watch.stage("decode"):
        gallery.check(want)
        if query.item_id is not None:
            item = gallery.item(query.item_id)
            if data is None:  # it was not fetched before
                data = thumbnails.read(item, max_bytes=settings.max_image_bytes)
            if query.exclude_reference:
                want = replace(want, reference=query.item_id)
        elif data is not None and text and query.exclude_reference:  # with no text, who sends a picture looks for it
            want = replace(want, content=hashlib.sha256(data).hexdigest())
        pixels = None if data is None else encoder.preprocess(data, max_pixels=settings.max_pixels)
    kind: Kind = "text" if pixels is None else "composed" if text else "image"
    notes = []
    if query.text_weight is not None and kind != "composed":
        notes.append("text_weight was ignored: it mixes an image and a text, and only one was given")
    if want.rerank and kind != "composed":
        want = replace(want, rerank=0)
        notes.append("rerank was ignored: it weighs an image and a text together, and only one was given")
    weight = encoder.manifest.text_weight if query.text_weight is None else query.text_weight
    return PreparedQuery(kind, pixels, text, weight, want, notes, watch)


def answer_batch(asked: Sequence[PreparedQuery], *, encoder: Encoder, gallery: Gallery) -> list[Answer]:
    """The answers to queries of one kind, by one pass of the model and one search of one snapshot."""
    watches = [each.watch for each in asked]
    with shared_stage(watches, "encode"):
        embedded = _embedded(asked, encoder)

    def rescore(numbers: Sequence[int], candidates: Embeddings) -> Scores:
        began = time.perf_counter()
        found = embedded.rescore(numbers, candidates, encoder)
        seconds = time.perf_counter() - began
        for watch in watches:  # a stage of its own, not a part of the one that it is asked in
            watch.add("search", -seconds)
            watch.add("rerank", seconds)
        return found

    with shared_stage(watches, "search"):
        answers = gallery.search(embedded.vectors, [each.want for each in asked], rescore=rescore)
    told = f"the text was cut: the model reads {encoder.manifest.context_length} tokens"
    return [
        Answer(
            found.hits,
            found.total,
            found.facets,
            gallery.manifest.name,
            encoder.manifest.model_id,
            each.watch.took_ms,
            [*([told] if short else []), *each.notes, *found.notes],
        )
        for each, found, short in zip(asked, answers, embedded.cut, strict=True)
    ]


def answer_one(query: Query, *, encoder: Encoder, gallery: Gallery, settings: Settings, watch: Stopwatch) -> Answer:
    """Answers one query by itself; raises as `ready` does."""
    one = prepare(query, encoder=encoder, gallery=gallery, settings=settings, watch=watch)
    return answer_batch([one], encoder=encoder, gallery=gallery)[0]


@dataclass(frozen=True, slots=True)
class _Embedded:
    """Queries of one kind as vectors (B, d), and what they were made of where that is a picture with a change."""

    vectors: Embeddings
    cut: Sequence[bool]  # (B,): whose text was
    pixels: Pixels | None = None  # (B, 3, S, S)
    changes: Changes | None = None

    def rescore(self, numbers: Sequence[int], candidates: Embeddings, encoder: Encoder) -> Scores:
        """The re-ranker's scores (b, K) of candidates (b, K, d) of the queries with these numbers."""
        assert self.pixels is not None and self.changes is not None  # `ready` lets no others be re-ranked
        rows = np.array(numbers)
        return encoder.rerank(
            self.pixels[rows], self.changes.take(rows), composed=self.vectors[rows], candidates=candidates
        )


def _embedded(asked: Sequence[PreparedQuery], encoder: Encoder) -> _Embedded:
    texts = [each.text for each in asked]
    if asked[0].kind == "text":
        words = encoder.tokenize(texts)
        return _Embedded(encoder.words(words), words.truncated.tolist())
    pixels = np.stack([each.pixels for each in asked if each.pixels is not None])  # (B, 3, S, S)
    if asked[0].kind == "image":
        return _Embedded(encoder.gallery(pixels), [False] * len(asked))
    changes = encoder.changes(texts)
    weights = np.array([each.text_weight for each in asked], np.float32)
    vectors = encoder.compose(pixels, changes, text_weight=weights)
    return _Embedded(vectors, changes.tokens.truncated.tolist(), pixels, changes)


def checked_text(query: Query, settings: Settings) -> str:
    """The query's text without white space around it, empty where there is none; raises Unusable."""
    text = (query.text or "").strip()
    if len(text) > settings.max_text_chars:
        detail = f"the text has {len(text)} characters, more than {settings.max_text_chars}"
        raise Unusable(detail, fields=[{"field": "text", "detail": detail}])
    if not text and query.image is None and query.item_id is None:
        raise Unusable("give an image, a text, or both")
    return text
