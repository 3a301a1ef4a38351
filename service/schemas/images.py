"""The images of requests."""

import base64
import binascii
import string
from typing import Annotated, Self

from pydantic import Field, model_validator

from index.sources.image_cells import MAX_IMAGES
from service.errors import BadRequest
from service.images import url_policy
from service.schemas.body import RequestBody

_WHITE_SPACE = string.whitespace.encode()
SMALLEST = 0.01  # side of a part of an image, as a share of the image's
Id = Annotated[str, Field(min_length=1, max_length=1024)]
Base64 = Annotated[str, Field(json_schema_extra={"format": "byte"})]


class Image(RequestBody):
    """An image by exactly one of the fields."""

    OPTIONAL_TEXTS = frozenset({"item_id", "url"})

    base64: Base64 | None = Field(None, description="the image file in base64, with or without a data: prefix")
    item_id: Id | None = Field(None, description="id of an item of the gallery; its image is used")
    url: str | None = Field(
        None,
        max_length=url_policy.MAX_CHARS,
        description="URL that the service downloads; only from hosts that its operator allows, by default none",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.base64, self.item_id, self.url).count(None) != 2:
            raise ValueError("give exactly one of base64, item_id and url")
        return self

    def data(self) -> bytes | None:
        """Return the bytes of the file, None if it is named otherwise; raises BadRequest for invalid base64."""
        if self.base64 is None:
            return None
        text = self.base64.partition(",")[2] if self.base64.startswith("data:") else self.base64
        try:
            # command line tools break base64 into lines
            return base64.b64decode(text.encode("ascii").translate(None, _WHITE_SPACE), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequest(f"image.base64 is not valid base64 ({error})") from error


class QueryImage(Image):
    """An image of a query, or a part of it."""

    image: int = Field(0, ge=0, lt=MAX_IMAGES, description="number of the image of the item of item_id; 0 is the first")
    box: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=4, max_length=4)] | None = Field(
        None,
        description="the part of the image that counts: its left, top, right and bottom edge, as shares of the upright"
        " image's width and height",
        examples=[[0.25, 0.1, 0.75, 0.6]],
    )

    @model_validator(mode="after")
    def _of_item(self) -> Self:
        if self.image and self.item_id is None:
            raise ValueError("image is the number of an item's image: give it with item_id")
        return self

    @model_validator(mode="after")
    def _has_area(self) -> Self:
        if self.box is not None and (self.box[2] - self.box[0] < SMALLEST or self.box[3] - self.box[1] < SMALLEST):
            raise ValueError(f"box is left, top, right, bottom, with at least {SMALLEST} between two opposite edges")
        return self


class WeightedImage(QueryImage):
    """One of several images, and how much it counts beside the others."""

    weight: float = Field(1.0, gt=0, le=10, description="how much the image counts beside the others")
