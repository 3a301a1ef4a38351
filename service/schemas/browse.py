"""The answers that list items and their attributes without a search, exactly as they are sent."""

import dataclasses
from collections.abc import Sequence

from pydantic import BaseModel, Field

from index.gallery_view import AttributeSpread, GalleryView
from index.items.attribute_types import AttributeType
from index.search.browsing import BrowsedPage
from service.schemas.search import Count, ItemAnswer, NumberRange, facets_answer, item


class BrowseAnswer(BaseModel):
    """A page of the gallery."""

    items: list[ItemAnswer]
    total: int = Field(description="number of items that pass the filter")
    offset: int
    facets: dict[str, list[Count]] = Field(description="as in a search")
    ranges: dict[str, NumberRange] = Field(description="as in a search")
    snapshot: str


def browse_answer(page: BrowsedPage, snapshot: str, offset: int, root_path: str) -> dict[str, object]:
    """Return the members of a BrowseAnswer as a dict."""
    return {
        "items": [item(thing, root_path=root_path) for thing in page.items],
        "total": page.total,
        "offset": offset,
        **facets_answer(page.facets, page.ranges),
        "snapshot": snapshot,
    }


class AttributeAnswer(BaseModel):
    """An attribute of the items."""

    name: str
    type: AttributeType
    values: int = Field(description="number of different values")
    items: int = Field(description="number of items that have a value")


class AttributesAnswer(BaseModel):
    """The attributes of the items."""

    attributes: list[AttributeAnswer]
    total: int = Field(description="number of items")
    snapshot: str


def attributes_answer(spreads: Sequence[AttributeSpread], view: GalleryView) -> dict[str, object]:
    """Return the members of an AttributesAnswer as a dict."""
    attributes = [dataclasses.asdict(spread) for spread in spreads]
    return {"attributes": attributes, "total": len(view), "snapshot": view.manifest.name}


class ItemsPage(BaseModel):
    """A page of the items in the order of their ids."""

    items: list[ItemAnswer]
    total: int = Field(description="number of items that pass the filter, on all pages")
    next: str | None = Field(description="id to send as `after` for the next page; null on the last page")
    snapshot: str = Field(description="the snapshot that was read, with the changes since")
