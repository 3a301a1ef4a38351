"""The bodies of requests and answers, exactly as they travel."""

import base64
import binascii
import string
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from service.errors import BadRequest

Attribute = str | int | float | bool
_WHITE_SPACE = string.whitespace.encode()
Id = Annotated[str, Field(min_length=1, max_length=1024)]
ServerPath = Annotated[str, Field(min_length=1, max_length=4096)]


class Image(BaseModel):
    """The reference picture: exactly one of its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    base64: str | None = Field(None, description="the image file in base64, with or without a data: prefix")
    item_id: Id | None = Field(None, description="an item of the gallery, whose picture is taken")
    url: JsonValue = Field(None, description="not accepted here: send the file itself")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.url is not None:
            raise ValueError(
                "URLs in requests aren't accepted here: send the picture itself as base64 or as a form file"
            )
        if (self.base64 is None) == (self.item_id is None):
            raise ValueError("give exactly one of base64 and item_id")
        return self

    def data(self) -> bytes | None:
        """The file's bytes, None where the image is an item; raises BadRequest for broken base64."""
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
    exclude_reference: bool = Field(
        True,
        description="leave the reference out of the hits; only one given as item_id can be: the gallery keeps no"
        " content hashes, so an uploaded picture is not recognised as an item",
    )
    exclude_ids: list[Id] = Field([], max_length=1000, description="items that are never among the hits")
    text_weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the text where both image and text are given; null takes the model's own",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.image is None and not (self.text or "").strip():
            raise ValueError("give an image, a text, or both")
        return self


def known(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    """The attributes that an item has: a table leaves many empty, and nobody asks for those."""
    return {name: value for name, value in attributes.items() if value is not None}


class Item(BaseModel):
    """One thing of the gallery."""

    id: str
    attributes: dict[str, Attribute] = Field(description="what the item has; one that is empty is left out")
    image_url: str = Field(description="path on this service; add ?size=320 for a thumbnail")


class Hit(Item):
    """An item that was found."""

    score: float = Field(description="cosine similarity of query and item")


class SearchAnswer(BaseModel):
    """The hits, best first."""

    hits: list[Hit]
    snapshot: str = Field(description="the gallery's snapshot that was searched")
    model: str = Field(description="the model that made the query")
    took_ms: dict[str, float] = Field(description="milliseconds of each stage, and their total")
    notes: list[str] = Field(description="what the caller should know, for example that the text was cut")


class Assortment(BaseModel):
    """A page of the gallery in an order that mixes it, the same at every call."""

    items: list[Item]
    total: int
    offset: int
    snapshot: str


class IndexBody(BaseModel):
    """What to build the next snapshot from, and the model to build and to serve it with: one of the two, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: ServerPath | None = Field(
        None,
        description="a folder of images or a table (CSV, JSONL, Parquet) on the server; null takes the live snapshot's"
        " own, and builds nothing where the bundle's space is the snapshot's",
    )
    bundle: ServerPath | None = Field(
        None,
        description="the folder of an exported model on the server, tested before the job starts and swapped in with"
        " the snapshot; null keeps the model that serves",
    )
    shards: int = Field(2, ge=1, le=1024, description="how many FAISS files a snapshot that is built has")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.source is None and self.bundle is None:
            raise ValueError("give a source, a bundle, or both")
        return self


class JobAccepted(BaseModel):
    """The job that was started."""

    job: str


class Skipped(BaseModel):
    """An item of the source that could not be indexed."""

    id: str
    uri: str
    reason: str


class Job(BaseModel):
    """One rebuild of the gallery, or swap of the model that searches it."""

    id: str
    source: str
    bundle: str = Field(description="folder of the model that builds, and then serves")
    shards: int
    state: Literal["queued", "running", "done", "failed"]
    stage: str | None = Field(
        None, description="read, embed, train, write, publish, open; only open where nothing had to be built"
    )
    done: int = Field(0, description="what the stage has finished")
    total: int = Field(0, description="what the stage has to do; 0 where it isn't known")
    rate: float = Field(0.0, description="finished per second")
    skipped: int = Field(0, description="items left out because they could not be read")
    skipped_items: list[Skipped] = Field([], description="the first hundred of them")
    error: str | None = None
    snapshot: str | None = Field(None, description="the snapshot that serves since the job was done")
    items: int | None = None
    started: str | None = Field(None, description="ISO 8601, UTC")
    finished: str | None = None


class LiveGallery(BaseModel):
    """The snapshot and the model that answer now, and the last job."""

    snapshot: str | None
    items: int
    model: str = Field(description="the model that makes the queries")
    created: str | None
    shards: int | None
    dimension: int | None
    space: str = Field(description="the space of the model and of the snapshot: what of two spaces never mixes")
    last_job: Job | None
    max_k: int = Field(description="most hits one search may ask for")
    max_image_bytes: int = Field(description="largest accepted image file, in bytes")
    max_text_chars: int = Field(description="longest accepted text, in characters")


class Ready(BaseModel):
    """Searches can be answered; where they cannot, the answer is a problem that says why."""

    ready: Literal[True]
    snapshot: str


class Problem(BaseModel):
    """A failure, as RFC 9457 writes it."""

    type: str = Field(examples=["urn:likebut:problem:unknown-item"])
    title: str
    status: int
    detail: str = Field(description="one sentence for a person")
    instance: str = Field(description="names the request; the same id is in X-Request-Id and in the log")
    errors: list[dict[str, str]] = Field([], description="for 422: each field and what is wrong with it")
