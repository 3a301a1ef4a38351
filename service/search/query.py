"""A query and its answer: each query is prepared alone, then queries of one kind are answered in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.items.facets import Facets, Ranges
from index.lexical.matching import PARTLY
from index.search import deadline
from index.search.request import Hit, SearchRequest
from models.arrays import Embeddings, Scores
from models.encoder import Encoder
from models.errors import DeadlineExceeded
from service.errors import Unusable
from service.search import thresholds
from service.search.encode import Kind, PreparedQuery, encode
from service.search.references import ImageReference, RemoteImage, content, prepare_image, remote_images
from service.search.stated_fact import StatedFact
from service.search.stopwatch import Stopwatch
from service.settings import Settings

# "the cheapest red dress" is the cheapest of the red dresses: of hits that likely are one. Beside an image few hits
# have a chance, since they must be like it, too: there it is the cheapest of the first ones
SORTED_CHANCE = 0.1
SORTED_WINDOW = 50
LEXICAL_WEIGHT = 0.5  # of a whole title, id or brand, as against a cosine: see docs/benchmarks/hybrid.md


@dataclass(frozen=True, slots=True)
class Query:
    """Reference images, a text, or both, and images that the hits shall be unlike."""

    references: tuple[ImageReference, ...]
    text: str | None
    request: SearchRequest
    unlike: tuple[ImageReference, ...] = ()
    exclude_reference: bool = True
    text_weight: float | None = None  # None: the default of the bundle
    min_chance: float | None = None  # that a hit satisfies the query
    lexical_weight: float | None = None  # None: LEXICAL_WEIGHT
    steps: tuple[str, ...] = ()  # of which the text is made, if there are steps
    reads_facts: bool = False  # that the words state, as in "under 50"
    literal: tuple[str, ...] = ()  # phrases that state no facts
    understood: tuple[StatedFact, ...] = ()  # facts that are in the request, and no longer in the text
    is_sorted_by_words: bool = False
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts as they were given: the steps, or the only one."""
        return self.steps or (() if self.text is None else (self.text,))

    @property
    def is_listing(self) -> bool:
        """True if there is nothing to rank items by: the words stated facts only, and there is no image."""
        return bool(self.understood) and not self.references and not self.text

    @property
    def is_composed(self) -> bool:
        """True if there are both an image and a text."""
        return bool(self.references) and bool((self.text or "").strip())

    @property
    def images(self) -> tuple[ImageReference, ...]:
        """All images, those to be unlike at the end."""
        return (*self.references, *self.unlike)

    @property
    def decodings(self) -> int:
        """Number of images that must be decoded."""
        references = sum(reference.needs_image(composed=self.is_composed) for reference in self.references)
        return references + sum(reference.needs_image(composed=False) for reference in self.unlike)

    @property
    def compares(self) -> bool:
        """True if hits are compared with each other, which may take long."""
        return self.request.group_by is not None or self.request.alike is not None

    @property
    def names_images(self) -> bool:
        """True if an image that must be decoded may have to be fetched first: one of an item, or at a URL."""
        return bool(self.decodings) and any(image.item_id is not None or image.url is not None for image in self.images)

    def with_data(self, remote: Sequence[RemoteImage], data: Sequence[bytes]) -> "Query":
        """Return the query with the bytes of its fetched images."""
        images = list(self.images)
        for image, file in zip(remote, data, strict=True):
            images[image.place] = replace(images[image.place], data=file)
        count = len(self.references)
        return replace(self, references=tuple(images[:count]), unlike=tuple(images[count:]))


@dataclass(frozen=True, slots=True)
class NeedsFetch:
    """A query whose images must be fetched first."""

    query: Query
    remote: Sequence[RemoteImage]


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, best first, with the milliseconds of each stage."""

    hits: list[Hit]
    total: int
    facets: Facets
    ranges: Ranges
    snapshot: str
    model: str
    took_ms: dict[str, float]
    notes: list[str]
    diagnostics: list[str]
    matches: int | None = None  # hits that score enough, if the query has a least score or chance
    chances: list[float] | None = None  # that each hit satisfies the query, if the bundle can tell
    understood: Sequence[StatedFact] = ()


def needs_fetch(query: Query, view: GalleryView) -> NeedsFetch | None:
    """Return the images to fetch over the network, None if there are none; raises UnknownItem."""
    remote = remote_images(query.references, view, composed=query.is_composed)
    after = len(query.references)
    remote += [replace(image, place=after + image.place) for image in remote_images(query.unlike, view, composed=False)]
    return NeedsFetch(query, remote) if remote else None


def prepare(
    query: Query, *, encoder: Encoder, view: GalleryView, settings: Settings, watch: Stopwatch
) -> PreparedQuery:
    """Validates the query and decodes its images; raises UnknownItem, and InputError if the query cannot be used."""
    text = checked_text(query, settings)
    request = query.request
    if request.rerank and not encoder.reranks:
        detail = f"{encoder.manifest.model_id} has no re-ranker: leave out rerank, or serve a bundle that has one"
        raise Unusable(detail, fields=[{"field": "rerank", "detail": detail}])
    check_k(request, settings)
    composed = query.is_composed
    with watch.stage("decode"):
        view.check(request)
        ready = partial(prepare_image, encoder=encoder, view=view, settings=settings)
        references = tuple(ready(reference, composed=composed) for reference in query.references)
        unlike = tuple(ready(reference, composed=False) for reference in query.unlike)
    request = _without_images(query, request)
    kind: Kind = "composed" if composed else "image"
    if not composed and all(image.vector is not None for image in references):
        kind = "item" if references else "text"
    notes = [*query.notes]
    if query.text_weight is not None and kind != "composed":
        notes.append("text_weight was ignored: it applies only to a query with both an image and a text")
    if request.rerank and (kind != "composed" or len(references) > 1):
        request = replace(request, rerank=0)
        notes.append("rerank was ignored: it applies only to a query with one image and a text")
    if text:
        lexical_weight = LEXICAL_WEIGHT if query.lexical_weight is None else query.lexical_weight
        certain = PARTLY if kind == "text" else 1.0  # words alone say nothing of an image
        request = replace(request, text=text, lexical_weight=lexical_weight, certain_strength=certain)
    elif query.lexical_weight is not None:
        notes.append("lexical_weight was ignored: it applies only to a query with a text")
    if (read := encoder.spelt(text)) != text and not view.has_words(text):  # a brand is no slip
        notes.append(f"the text was read as: {read}")
        text = read
    weight = encoder.manifest.text_weight if query.text_weight is None else query.text_weight
    measured = kind if len(references) <= 1 and not unlike else None  # the kind that the calibration knows
    min_chance = query.min_chance
    if query.is_sorted_by_words and min_chance is None and request.order.min_score is None:
        if kind == "text" and thresholds.curve(measured, weight, encoder.manifest) is not None:
            min_chance = SORTED_CHANCE
        else:
            request = replace(request, order=replace(request.order, window=min(request.order.window, SORTED_WINDOW)))
    request, more = thresholds.with_min_chance(request, min_chance, measured, weight, encoder.manifest)
    notes += more
    return PreparedQuery(kind, references, unlike, text, weight, request, notes, watch, query.understood)


def _without_images(query: Query, request: SearchRequest) -> SearchRequest:
    """Return the request without the query's own images among its hits."""
    unwanted = frozenset(image.item_id for image in query.unlike if image.item_id is not None)
    request = replace(request, exclude=request.exclude | unwanted) if unwanted else request
    if not query.exclude_reference or not query.references:
        return request
    ids = tuple(reference.item_id for reference in query.references if reference.item_id is not None)
    contents: frozenset[str] = frozenset()
    if query.is_composed:  # without a text, the caller looks for the image itself
        uploaded = (reference.data for reference in query.references if reference.item_id is None)
        contents = frozenset(content(data) for data in uploaded if data is not None)
    return replace(request, references=ids, contents=contents)


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
            encoded = encode(queries, encoder)
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
            result.ranges,
            gallery.manifest.name,
            encoder.manifest.model_id,
            query.watch.took_ms,
            [*([truncated] if is_cut else []), *query.notes, *result.notes],
            [*result.diagnostics],
            result.matches,
            _chances(query, result.hits, encoder),
            query.understood,
        )
        if not result.is_overdue
        else deadline.exceeded()
        for query, result, is_cut in zip(queries, results, encoded.cut, strict=True)
    ]


def _chances(query: PreparedQuery, hits: Sequence[Hit], encoder: Encoder) -> list[float] | None:
    """Return the chance that each hit satisfies the query; None if the bundle's calibration is of other queries."""
    measured = query.kind if len(query.references) <= 1 and not query.unlike else None
    curve = thresholds.curve(measured, query.text_weight, encoder.manifest)
    if curve is None:
        return None
    chances: list[float] = curve.chance(np.array([hit.score for hit in hits])).round(3).tolist()
    return chances


def answer_one(query: Query, *, encoder: Encoder, gallery: Gallery, settings: Settings, watch: Stopwatch) -> Answer:
    """Answers one query by itself; raises as `prepare` does."""
    prepared = prepare(query, encoder=encoder, view=gallery.view(), settings=settings, watch=watch)
    (answer,) = answer_batch([prepared], encoder=encoder, gallery=gallery)
    if isinstance(answer, DeadlineExceeded):
        raise answer
    return answer


def check_k(request: SearchRequest, settings: Settings) -> None:
    """Raises Unusable if a search wants more hits than the settings allow."""
    if not 1 <= request.k <= settings.max_k:
        raise Unusable(
            f"k must be between 1 and {settings.max_k}", fields=[{"field": "k", "detail": f"1 to {settings.max_k}"}]
        )


def checked_text(query: Query, settings: Settings) -> str:
    """Return the query's text without surrounding white space, empty if there is none; raises Unusable."""
    text = (query.text or "").strip()
    if len(text) > settings.max_text_chars:
        detail = f"the text has {len(text)} characters, more than {settings.max_text_chars}"
        raise Unusable(detail, fields=[{"field": "text", "detail": detail}])
    if not text and not query.references:
        raise Unusable("give an image, a text, or both")
    return text
