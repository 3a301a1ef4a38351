"""The bodies of requests and answers, exactly as they travel."""

import base64
import binascii
import string
import urllib.parse
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from index.items.items import GalleryItem as Thing
from models.bundle import CANDIDATES
from service.errors import BadRequest
from service.images import url_policy
from service.search.query import Answer

Attribute = str | int | float | bool
_WHITE_SPACE = string.whitespace.encode()
Id = Annotated[str, Field(min_length=1, max_length=1024)]
Base64 = Annotated[str, Field(json_schema_extra={"format": "byte"})]
Name = Annotated[str, Field(max_length=1024)]  # of an attribute
ServerPath = Annotated[str, Field(min_length=1, max_length=4096)]


class Image(BaseModel):
    """The reference picture: exactly one of its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    base64: Base64 | None = Field(None, description="the image file in base64, with or without a data: prefix")
    item_id: Id | None = Field(None, description="an item of the gallery, whose picture is taken")
    url: str | None = Field(
        None,
        max_length=url_policy.MAX_CHARS,
        description="where the service shall fetch it; only of hosts that its operator allows, by default of none",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.base64, self.item_id, self.url).count(None) != 2:
            raise ValueError("give exactly one of base64, item_id and url")
        return self

    def data(self) -> bytes | None:
        """The file's bytes, None where it did not come with the request; raises BadRequest for broken base64."""
        if self.base64 is None:
            return None
        text = self.base64.partition(",")[2] if self.base64.startswith("data:") else self.base64
        try:
            # command line tools break base64 into lines
            return base64.b64decode(text.encode("ascii").translate(None, _WHITE_SPACE), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequest(f"image.base64 is not base64 ({error})") from error


class SearchBody(BaseModel):
    """What to look for: an image, a text, or both (the image changed as the text says)."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={"examples": [{"text": "a striped mug"}]},  # openapi.py adds one of the live gallery
    )

    image: Image | None = Field(None, description="the reference")
    text: str | None = Field(None, description="the wanted change; with no image, the wanted product")
    k: int = Field(20, ge=1, description="how many hits; the service sets the most")
    offset: int = Field(0, ge=0, description="hits to pass over first; pages of one snapshot fit together")
    exclude_reference: bool = Field(
        True,
        description="leave the reference out of the hits: an item given as item_id with all that looks the same; where"
        " there is a text too, also the items that have the very file that was uploaded",
    )
    exclude_ids: list[Id] = Field([], max_length=1000, description="items that are never among the hits")
    pinned_ids: list[Id] = Field(
        [], max_length=100, description="items in front of all others, in this order, where they pass the filter"
    )
    filter: dict[str, JsonValue] = Field(
        {},
        description="which items may be found, by their attributes; all must hold. A value is equality, an array"
        " membership, an object a range (gte, gt, lte, lt) or not; the keys and, or, not join filters",
        examples=[{"category": ["dress", "skirt"], "price": {"gte": 10, "lt": 50}, "colour": {"not": "black"}}],
    )
    facets: list[Name] = Field(
        [], max_length=20, description="attributes whose values are counted, over all items that pass the filter"
    )
    group_by: Name | None = Field(
        None, description="an attribute; of the items with one value of it only the best is shown"
    )
    max_similarity: float | None = Field(
        None, gt=0, le=1, description="of two items with at least this cosine to each other only the better is shown"
    )
    nprobe: int | None = Field(
        None, ge=1, description="lists of the index to search, up to all; null takes what the gallery was tuned to"
    )
    text_weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the text where both image and text are given; null takes the model's own",
    )
    rerank: bool | Annotated[int, Field(ge=1, le=CANDIDATES)] = Field(
        False,
        description="let the model's re-ranker, if it has one, put the first hits in order, for an image with a text:"
        f" true for the first {CANDIDATES}, or how many. Their scores stay cosines, which then need not fall",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.image is None and not (self.text or "").strip():
            raise ValueError("give an image, a text, or both")
        return self


def answer(found: Answer) -> dict[str, object]:
    """A SearchAnswer as its members: to make and check a model of every hit takes longer than to write them out."""
    return {
        "hits": [
            {
                "id": hit.item.id,
                "attributes": known(hit.item.attributes),
                "image_url": image_url(hit.item.id),
                "score": round(hit.score, 6),
            }
            for hit in found.hits
        ],
        "total": found.total,
        "facets": {
            name: [{"value": value, "count": count} for value, count in counts if value is not None]
            for name, counts in found.facets.items()
        },
        "snapshot": found.snapshot,
        "model": found.model,
        "took_ms": found.took_ms,
        "notes": found.notes,
    }


def image_url(id: str) -> str:
    """The path of an item's picture; safe="" also quotes slashes, so that an id is one segment until it is decoded."""
    return f"/images/{urllib.parse.quote(id, safe='')}"


def known(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    """The attributes that an item has: a table leaves many empty, and nobody asks for those."""
    return {name: value for name, value in attributes.items() if value is not None}


class ItemAnswer(BaseModel):
    """One thing of the gallery."""

    id: str
    attributes: dict[str, Attribute] = Field(description="what the item has; one that is empty is left out")
    image_url: str = Field(description="path on this service; add ?size=320 for a thumbnail")


def item(found: Thing) -> ItemAnswer:
    """An item as it travels."""
    return ItemAnswer(id=found.id, attributes=known(found.attributes), image_url=image_url(found.id))


class HitAnswer(ItemAnswer):
    """An item that was found."""

    score: float = Field(description="cosine similarity of query and item, also of hits that were re-ranked")


class Count(BaseModel):
    """A value of an attribute, and how many items have it."""

    value: Attribute
    count: int


class SearchAnswer(BaseModel):
    """The hits, best first."""

    hits: list[HitAnswer]
    total: int = Field(description="how many items pass the filter")
    facets: dict[str, list[Count]] = Field(description="of each attribute asked for its most frequent values")
    snapshot: str = Field(description="the gallery's snapshot that was searched")
    model: str = Field(description="the model that made the query")
    took_ms: dict[str, float] = Field(description="milliseconds of each stage, and their total")
    notes: list[str] = Field(description="what the caller should know, for example that the text was cut")


class Problem(BaseModel):
    """A failure, as RFC 9457 writes it."""

    type: str = Field(examples=["urn:likebut:problem:unknown-item"])
    title: str
    status: int
    detail: str = Field(description="one sentence for a person")
    instance: str = Field(description="names the request; the same id is in X-Request-Id and in the log")
    errors: list[dict[str, str]] = Field([], description="for 422: each field and what is wrong with it")


class SearchesBody(BaseModel):
    """Several searches, each answered for itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    searches: list[dict[str, JsonValue]] = Field(
        min_length=1,
        description="each as in POST /search; one that is wrong is answered by its problem and hurts no other",
        examples=[[{"text": "a striped mug"}, {"text": "a red cup", "k": 5}]],
    )


class SearchesAnswer(BaseModel):
    """An answer to each search, in their order: hits, or the problem that POST /search would have answered."""

    answers: list[SearchAnswer | Problem]


class BrowseAnswer(BaseModel):
    """A page of the gallery in an order that mixes it, the same at every call."""

    items: list[ItemAnswer]
    total: int
    offset: int
    snapshot: str


class Limits(BaseModel):
    """What the service accepts."""

    max_k: int = Field(description="most hits one search may ask for")
    max_image_bytes: int = Field(description="largest accepted image file, in bytes")
    max_text_chars: int = Field(description="longest accepted text, in characters")


class ReadyAnswer(BaseModel):
    """Searches can be answered; where they cannot, the answer is a problem that says why."""

    ready: Literal[True]
    snapshot: str
