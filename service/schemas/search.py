"""The bodies of search requests and responses, exactly as they are sent."""

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from index.items.facets import Facets, Ranges
from index.items.items import GalleryItem
from models.bundle import CANDIDATES
from service.schemas.body import RequestBody
from service.schemas.images import Id, QueryImage, WeightedImage
from service.schemas.results import ResultFields
from service.schemas.understood import UnderstoodPhrase, understood_phrase
from service.search.query import Answer
from service.search.references import MOST_IMAGES

Scalar = str | int | float | bool
Attribute = Scalar | list[str]
PLAIN = re.compile(r"[A-Za-z0-9._~-]*")  # needs no quotes, as most ids; to quote them all took longer
Name = Annotated[str, Field(max_length=1024)]  # of an attribute
ServerPath = Annotated[str, Field(min_length=1, max_length=4096)]


class SearchBody(ResultFields):
    """A search: an image, a text, or both (the image, changed as the text says)."""

    # openapi.py adds an example of the live gallery
    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "a striped mug"}]})
    OPTIONAL_TEXTS = frozenset({"group_by"})

    image: QueryImage | None = Field(None, description="the reference image")
    text: str | None = Field(
        None, description="the change to the image; without an image, a description of the product"
    )
    images: list[WeightedImage] = Field(
        [], max_length=MOST_IMAGES, description="several reference images, in place of `image`"
    )
    negative: list[WeightedImage] = Field(
        [], max_length=MOST_IMAGES, description="images that the hits shall be unlike; items among them are no hits"
    )
    steps: list[Annotated[str, Field(min_length=1)]] = Field(
        [],
        max_length=20,
        description="changes said one after the other, all of them to the same image, in place of `text`",
        examples=[["in red", "without the belt", "shorter"]],
    )
    facts: bool = Field(
        True,
        description="read facts in the words, such as `under 50`, `from Fjord` and `in stock`, as conditions on"
        " attributes of the gallery; `understood` of the answer has them",
    )
    literal: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(
        [], max_length=20, description="phrases of the words that are no facts", examples=[["under 50"]]
    )
    k: int = Field(20, ge=1, description="number of hits; GET /limits has the maximum")
    offset: int = Field(
        0,
        ge=0,
        description="number of hits to skip; pages of one snapshot do not overlap. offset + k is at most 10 000,"
        " and 1 000 with group_by or max_similarity",
    )
    exclude_reference: bool = Field(
        True,
        description="leave the reference out of the hits: the item of item_id, and items that look the same; if there"
        " is a text, also items with exactly the uploaded image file",
    )
    exclude_ids: list[Id] = Field([], max_length=1000, description="ids of items to leave out")
    pinned_ids: list[Id] = Field(
        [], max_length=100, description="ids of items to put first, in this order, if they pass the filter"
    )
    filter: dict[str, JsonValue] = Field(
        {},
        description="conditions on attributes; all must hold. A value means equality, an array means one of its values,"
        " an object means a range (gte, gt, lte, lt) or not; the keys and, or, not combine filters",
        examples=[{"category": ["dress", "skirt"], "price": {"gte": 10, "lt": 50}, "colour": {"not": "black"}}],
    )
    group_by: Name | None = Field(
        None, description="an attribute; of all items with the same value, only the best is returned"
    )
    max_similarity: float | None = Field(
        None,
        gt=0,
        le=1,
        description="if two items have at least this cosine similarity, only the better one is returned",
    )
    nprobe: int | None = Field(
        None, ge=1, description="number of index lists to search; null uses the value that the gallery was tuned to"
    )
    text_weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="weight of the text if there are both image and text; null uses the default of the model",
    )
    lexical_weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="weight of the words that the text shares with the title, the brand, the id and other chosen"
        " attributes of an item; the similarity has the rest. 0 ignores words, null uses the default of 0.5",
    )
    rerank: bool | Annotated[int, Field(ge=1, le=CANDIDATES)] = Field(
        False,
        description="re-rank the first hits with the model's re-ranker, if it has one, for an image with a text: true"
        f" for the first {CANDIDATES}, or a number. Scores stay cosines, so they may no longer be in descending order",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.image is not None and self.images:
            raise ValueError("image and images are both given: put the image among images")
        if (self.text or "").strip() and self.steps:
            raise ValueError("text and steps are both given: put the text among steps")
        if not self.references and not self.words:
            raise ValueError("give an image, a text, or both")
        return self

    @property
    def references(self) -> Sequence[QueryImage]:
        """The reference images."""
        return self.images or ([] if self.image is None else [self.image])

    @property
    def words(self) -> str:
        """The text, or all steps in one."""
        return ", ".join(step.strip() for step in self.steps if step.strip()) or (self.text or "").strip()


def answer(result: Answer, *, root_path: str) -> dict[str, object]:
    """Return the members of a SearchAnswer as a dict: building and validating a model for every hit would be slower."""
    chances: Sequence[float | None] = result.chances or [None] * len(result.hits)
    return {
        "hits": [
            {
                "id": hit.item.id,
                "attributes": without_empty(hit.item.attributes),
                "image_url": urls[0],
                "images": urls,
                "image": hit.image,
                "score": round(hit.score, 6),
                "chance": chance,
                "matched": hit.matched,
            }
            for hit, chance in zip(result.hits, chances, strict=True)
            for urls in (image_urls(hit.item, root_path),)
        ],
        "total": result.total,
        "matches": result.matches,
        **facets_answer(result.facets, result.ranges),
        "understood": [understood_phrase(stated) for stated in result.understood],
        "snapshot": result.snapshot,
        "model": result.model,
        "took_ms": result.took_ms,
        "notes": result.notes,
        "diagnostics": result.diagnostics,
    }


def facets_answer(facets: Facets, ranges: Ranges) -> dict[str, object]:
    """Return the members of an answer with its facets."""
    return {
        "facets": {
            name: [{"value": value, "count": count} for value, count in counts] for name, counts in facets.items()
        },
        "ranges": {name: {"min": least, "max": most} for name, (least, most) in ranges.items()},
    }


def image_url(id: str, root_path: str) -> str:
    """Return the path of an item's image; safe="" quotes slashes too, so that an id is one path segment."""
    return f"{root_path}/images/{id if PLAIN.fullmatch(id) else urllib.parse.quote(id, safe='')}"


def image_urls(item: GalleryItem, root_path: str) -> list[str]:
    """Return the paths of all images of an item, the first one first."""
    first = image_url(item.id, root_path)
    return [first, *(f"{first}?image={number}" for number in range(1, len(item.uris)))]


def without_empty(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    """Return the attributes of an item that have a value."""
    return {name: value for name, value in attributes.items() if value is not None}


class ItemAnswer(BaseModel):
    """One item of the gallery."""

    id: str
    attributes: dict[str, Attribute] = Field(description="attributes that have a value")
    image_url: str = Field(description="path of the first image on this service; add ?size=320 for a thumbnail")
    images: list[str] = Field(description="paths of all images, the first one first; each may have a size, too")


def item(thing: GalleryItem, *, root_path: str) -> ItemAnswer:
    """Return an item as it is sent."""
    urls = image_urls(thing, root_path)
    return ItemAnswer(id=thing.id, attributes=without_empty(thing.attributes), image_url=urls[0], images=urls)


class HitAnswer(ItemAnswer):
    """An item that matches the search."""

    image: int = Field(
        0, description="number of the image that is nearest to the query, among `images`; 0 is the first"
    )
    score: float = Field(description="cosine similarity of query and nearest image, also for re-ranked hits")
    chance: float | None = Field(
        None,
        description="chance that the item satisfies the query, 0 to 1; null if the model cannot tell it",
    )
    matched: list[str] = Field(
        [],
        description="id, or attributes, that share words with the text, such as title; it may rank above its score",
    )


class Count(BaseModel):
    """A value of an attribute, and the number of items that have it."""

    value: Scalar
    count: int


class NumberRange(BaseModel):
    """The least and the most number of an attribute, over all items that pass the filter."""

    min: int | float
    max: int | float


class SearchAnswer(BaseModel):
    """The hits, best first."""

    hits: list[HitAnswer]
    total: int = Field(description="number of items that pass the filter")
    matches: int | None = Field(
        description="with min_score or min_chance: number of hits among the first `window` that reach it, on all pages"
    )
    facets: dict[str, list[Count]] = Field(description="the most frequent values of each requested attribute")
    ranges: dict[str, NumberRange] = Field(description="the range of each requested attribute that holds numbers")
    understood: list[UnderstoodPhrase] = Field(description="facts that were read in the words, in their order")
    snapshot: str = Field(description="the snapshot that was searched")
    model: str = Field(description="the model that encoded the query")
    took_ms: dict[str, float] = Field(description="milliseconds of each stage, and in total")
    notes: list[str] = Field(description="remarks for the caller, for example that the text was truncated")
    diagnostics: list[str] = Field(description="how the search was done, for operators: not meant for shoppers")


class Problem(BaseModel):
    """A failure, as problem details (RFC 9457)."""

    type: str = Field(examples=["urn:likebut:problem:unknown-item"])
    title: str
    status: int
    detail: str = Field(description="the cause in one sentence")
    instance: str = Field(description="identifies the request; the same id is in X-Request-Id and in the log")
    errors: list[dict[str, str]] = Field([], description="for 422: each invalid field and its error")


class SearchesBody(RequestBody):
    """Several searches, each answered separately."""

    searches: list[dict[str, JsonValue]] = Field(
        min_length=1,
        description="each as in POST /search; an invalid one is answered by its problem and does not affect the others",
        examples=[[{"text": "a striped mug"}, {"text": "a red cup", "k": 5}]],
    )


class SearchesAnswer(BaseModel):
    """One answer for each search, in order: hits, or the problem that POST /search would have returned."""

    answers: list[SearchAnswer | Problem]


class Limits(BaseModel):
    """The largest values that the service accepts."""

    max_k: int = Field(description="maximum number of hits of one search")
    max_image_bytes: int = Field(description="maximum size of an image file, in bytes")
    max_text_chars: int = Field(description="maximum length of a text, in characters")


class ReadyAnswer(BaseModel):
    """The service is ready; if it is not, the response is a problem with the reasons."""

    ready: Literal[True]
    snapshot: str
