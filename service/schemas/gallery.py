"""The bodies of requests and responses that manage a gallery, exactly as they are sent."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from index.build.loss import MAX_LOSS
from index.items.attribute_types import INT64
from index.lexical.words import DEFAULT_NAMES
from index.sources.image_cells import MAX_IMAGES
from models.bundle import MANY_UNLIKE
from service.schemas.body import RequestBody
from service.schemas.images import Id, Image
from service.schemas.search import Attribute, Name, ServerPath


def _known_kind(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Raises one error for a value of no kind, instead of one for each kind that it is not."""
    if isinstance(value, int) and not -INT64 <= value < INT64:
        raise ValueError("a whole number beyond 64 bits: give it as text")
    try:
        return validate(value)
    except ValidationError as error:
        raise ValueError("give text, a finite number, true, false, null or a list of texts") from error


MAX_ITEMS = 1000  # changes of one call
# they become arguments of a command
MappedName = Annotated[str, Field(max_length=1024, pattern=r"^[^=\x00]*[^=\x00\s][^=\x00]*$")]
Column = Annotated[str, Field(max_length=1024, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
LexicalName = Annotated[str, Field(max_length=1024, pattern=r"^[^,\x00]*[^,\x00\s][^,\x00]*$")]
AttributeValue = Annotated[Attribute | None, WrapValidator(_known_kind)]


class ItemBody(RequestBody):
    """The new state of an item, or for PATCH what changes in it."""

    model_config = RequestBody.model_config | ConfigDict(allow_inf_nan=False)

    image: Image | None = Field(
        None, description="the only image, as base64 or url; null keeps the images of an existing item"
    )
    images: list[Image] | None = Field(
        None,
        min_length=1,
        max_length=MAX_IMAGES,
        description="all images in place of `image`, the first one first; null keeps those of an existing item",
    )
    attributes: dict[Name, AttributeValue] | None = Field(
        None,
        description="PUT: all attributes of the item, others are removed; {} removes all, and null keeps those of an"
        " existing item. PATCH: the attributes that change; null for one removes it, and all others stay",
    )

    @model_validator(mode="after")
    def _own(self) -> Self:
        if self.image is not None and self.images is not None:
            raise ValueError("image and images are both given: put the image among images")
        if any(image.item_id is not None for image in self.pictures or ()):
            raise ValueError("an item cannot use the image of another item: send the image as base64, or its url")
        return self

    @property
    def pictures(self) -> list[Image] | None:
        """The images, None if none are given."""
        return [self.image] if self.image is not None else self.images


class ItemChange(ItemBody):
    """One of many changes."""

    id: Id
    merge: bool = Field(
        False,
        description="true merges the attributes into those of an existing item, as PATCH does; false replaces them all,"
        " as PUT does",
    )
    delete: bool = Field(False, description="true deletes the item; then give only its id")

    @model_validator(mode="after")
    def _alone(self) -> Self:
        if self.delete and (self.pictures or self.attributes or self.merge):
            raise ValueError("to delete an item, give only its id: leave out image, images, attributes and merge")
        return self


class ItemsBody(RequestBody):
    """Many changes, made in order."""

    items: list[object] = Field(
        min_length=1,
        max_length=MAX_ITEMS,
        description="the changes; an invalid one has its own result and stops no other",
    )


class ItemResult(BaseModel):
    """The result of one change."""

    id: str | None = Field(description="null if the change has no valid id")
    status: Literal["put", "patched", "deleted", "failed"]
    detail: str | None = Field(None, description="the cause of a failure in one sentence")


class ItemsAnswer(BaseModel):
    """The result of each change, in order; changes that did not fail are durable and searchable."""

    results: list[ItemResult]


class IndexBody(RequestBody):
    """The work of a job: build from a source, serve another model, compact the changes, or roll back."""

    source: ServerPath | None = Field(
        None,
        description="a folder of images, a table (CSV, JSONL, Parquet) or a product feed, on the server or in an object"
        " store (s3://…); null uses the source of the live snapshot, or the items of the gallery if changes filled"
        " it, and builds nothing if the bundle has the same space",
    )
    bundle: ServerPath | None = Field(
        None,
        description="the folder of an exported model on the server; it is tested before the job starts, and swapped in"
        " together with the snapshot; null keeps the current model",
    )
    shards: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field(
        "auto",
        description="number of FAISS files of a new snapshot; auto decides by the GPUs and the number of items",
    )
    encoding: Literal["auto", "flat", "fp16", "sq8", "rabitq"] = Field(
        "auto",
        description="encoding of the vectors in FAISS, the smallest last; auto decides by their number",
    )
    recall: float | Literal["auto"] = Field(
        "auto",
        description="recall@10 of composed queries to tune the search for; auto is .99 for few items, .95 for many",
    )
    max_loss: float = Field(
        MAX_LOSS,
        ge=0,
        le=1,
        description="share of the live items that may be gone in the new snapshot; a build that would lose more fails,"
        " and what it embedded is used by the next one",
    )
    map: dict[MappedName, Column] | None = Field(
        None,
        max_length=1000,
        description='the column of a table that is the id, the image or another attribute, as {"image": "image_link"};'
        " null uses the map of the live snapshot if its source is used, and otherwise none",
    )
    lexical: list[LexicalName] | None = Field(
        None,
        max_length=100,
        description="attributes of which the words find items, beside the id; null uses those of the live snapshot, or"
        f" {', '.join(DEFAULT_NAMES)}",
    )
    compact: bool = Field(False, description="merge the changes since the live snapshot into a new snapshot")
    snapshot: Id | None = Field(
        None, description="name of a kept snapshot to roll back to; later changes of items stay"
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        builds = self.source is not None or self.bundle is not None
        if builds + self.compact + (self.snapshot is not None) != 1:
            raise ValueError("give a source, a bundle or both; or compact; or a snapshot")
        if self.compact or self.snapshot is not None:
            if self.map is not None:
                raise ValueError("give a map only with a source or a bundle")
            if self.lexical is not None:
                raise ValueError("give lexical only with a source or a bundle")
        if self.recall != "auto" and not 0 < self.recall <= 1:
            raise ValueError("recall must be above 0 and at most 1")
        return self


class JobAccepted(BaseModel):
    """The job that was started."""

    job: str


class SkippedImage(BaseModel):
    """An item of the source that could not be indexed."""

    id: str
    uri: str
    reason: str


class Job(BaseModel):
    """An index job: a build, a swap of the model, a compaction or a roll-back."""

    id: str
    kind: Literal["build", "swap", "compact", "roll-back"]
    source: str
    bundle: str = Field(description="folder of the model that builds and then serves")
    shards: int | Literal["auto"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str | None = Field(
        None, description="read, embed, train, write, publish, open; only open if nothing had to be built"
    )
    done: int = Field(0, description="number of units that the stage has finished")
    total: int = Field(0, description="number of units of the stage; 0 if it is unknown")
    rate: float = Field(0.0, description="units per second")
    embedded: int | None = Field(None, description="for a build: number of images that the model embedded")
    reused: int | None = Field(None, description="for a build: number of images that are unchanged, as is the model")
    unreachable: int = Field(
        0, description="number of images that could not be fetched and that keep the vector they had"
    )
    skipped: int = Field(0, description="number of items left out because they could not be read")
    skipped_items: list[SkippedImage] = Field([], description="the first hundred skipped items")
    notes: list[str] = Field(
        [],
        description="attributes whose values the build converted to one type, images that it could not fetch, and if"
        " nothing changed",
    )
    error: str | None = None
    snapshot: str | None = Field(None, description="the snapshot that serves since the end of the job")
    items: int | None = None
    started: str | None = Field(None, description="ISO 8601, UTC")
    finished: str | None = None


class UnlikeImages(BaseModel):
    """Images of the gallery that are unlike those that its model knows."""

    share: float = Field(description="share of the images, changes since the snapshot included")
    many: bool = Field(description=f"whether the share is at least {MANY_UNLIKE}, so that searches may find little")
    advice: str | None = Field(description="sentence on how to get a model of such images; null unless `many`")
    commands: list[str] = Field(description="the commands of the advice that make a model; empty unless `many`")


class LiveGallery(BaseModel):
    """The live snapshot, the model that searches it, and the last job."""

    snapshot: str | None
    items: int
    images: int = Field(description="number of images of all items")
    model: str = Field(description="the model that encodes the queries")
    created: str | None
    changes: int = Field(description="number of changes since the snapshot; searches include them")
    kept: list[str] = Field(description="snapshots that a roll-back can use, oldest first")
    unlike: UnlikeImages | None = Field(
        description="images unlike those that the model knows; null if the bundle of the snapshot does not say which"
    )
    missing_shards: list[str] = Field(description="shard files of the snapshot that cannot be read")
    encoding: str | None = Field(description="encoding of the vectors: flat, fp16, sq8 or rabitq")
    recall_at_10: float | None = Field(
        description="recall@10 of composed queries, measured when the snapshot was built"
    )
    shards: int | None
    dimension: int | None
    space: str = Field(
        description="embedding space of the model and the snapshot; vectors of two spaces cannot be compared"
    )
    last_job: Job | None
