"""The bodies of requests and answers that run a gallery, exactly as they travel."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.schemas.search import Attribute, Id, Image, Name, ServerPath


class ItemBody(BaseModel):
    """An item as it shall be."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    image: Image | None = Field(
        None, description="its picture, as base64; null leaves an item that is there the picture that it has"
    )
    attributes: dict[Name, Attribute | None] = Field({}, description="all that it has; what is not here, it loses")

    @model_validator(mode="after")
    def _own(self) -> Self:
        if self.image is not None and self.image.base64 is None:
            raise ValueError("give the picture itself as base64: two items cannot share one")
        return self


class ItemChange(ItemBody):
    """One of many changes."""

    id: Id
    delete: bool = Field(False, description="true deletes the item; then give its id alone")

    @model_validator(mode="after")
    def _alone(self) -> Self:
        if self.delete and (self.image is not None or self.attributes):
            raise ValueError("an item that is deleted has no image and no attributes: leave them out")
        return self


class ItemsBody(BaseModel):
    """Many changes, made in their order."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    items: list[ItemChange] = Field(min_length=1, max_length=1000)


class ItemResult(BaseModel):
    """What became of one change."""

    id: str
    status: Literal["put", "deleted", "failed"]
    detail: str | None = Field(None, description="why it failed, one sentence for a person")


class ItemsAnswer(BaseModel):
    """What became of each change, in their order; those that did not fail are durable and searchable."""

    results: list[ItemResult]


class IndexBody(BaseModel):
    """What a job shall do: build from a source, serve with another model, fold in changes, or roll back."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: ServerPath | None = Field(
        None,
        description="a folder of images or a table (CSV, JSONL, Parquet) on the server or in a store (s3://…); null"
        " takes the live snapshot's own, and builds nothing where the bundle's space is the snapshot's",
    )
    bundle: ServerPath | None = Field(
        None,
        description="the folder of an exported model on the server, tested before the job starts and swapped in with"
        " the snapshot; null keeps the model that serves",
    )
    shards: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field(
        "auto",
        description="how many FAISS files a snapshot that is built has; auto goes by the GPUs and the number of items",
    )
    form: Literal["auto", "flat", "fp16", "sq8", "rabitq"] = Field(
        "auto",
        description="how FAISS keeps the vectors, the smallest last; auto goes by their number",
    )
    recall: float | Literal["auto"] = Field(
        "auto",
        description="recall@10 of composed queries to search enough lists for; auto is .99 of few, .95 of many",
    )
    compact: bool = Field(False, description="fold the changes since the live snapshot into a new one")
    snapshot: Id | None = Field(None, description="a kept snapshot to go back to, with all changes made since")

    @model_validator(mode="after")
    def _something(self) -> Self:
        builds = self.source is not None or self.bundle is not None
        if builds + self.compact + (self.snapshot is not None) != 1:
            raise ValueError("give a source, a bundle or both; or compact; or a snapshot")
        if self.recall != "auto" and not 0 < self.recall <= 1:
            raise ValueError("recall must lie above 0, up to 1")
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
    """One rebuild of the gallery, swap of the model that searches it, compaction or roll-back."""

    id: str
    kind: Literal["build", "swap", "compact", "roll-back"]
    source: str
    bundle: str = Field(description="folder of the model that builds, and then serves")
    shards: int | Literal["auto"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str | None = Field(
        None, description="read, embed, train, write, publish, open; only open where nothing had to be built"
    )
    done: int = Field(0, description="what the stage has finished")
    total: int = Field(0, description="what the stage has to do; 0 where it isn't known")
    rate: float = Field(0.0, description="finished per second")
    embedded: int | None = Field(None, description="of a build, items that the model embedded")
    reused: int | None = Field(None, description="of a build, items whose picture and model had not changed")
    skipped: int = Field(0, description="items left out because they could not be read")
    skipped_items: list[SkippedImage] = Field([], description="the first hundred of them")
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
    changes: int = Field(description="changes since the snapshot, which are searched with it")
    kept: list[str] = Field(description="the snapshots that can be gone back to, the oldest first")
    missing_shards: list[str] = Field(description="files of the snapshot that cannot be read")
    form: str | None = Field(description="how the vectors are kept: flat, fp16, sq8 or rabitq")
    recall_at_10: float | None = Field(description="of composed queries, measured when the snapshot was built")
    shards: int | None
    dimension: int | None
    space: str = Field(description="the space of the model and of the snapshot: what of two spaces never mixes")
    last_job: Job | None
