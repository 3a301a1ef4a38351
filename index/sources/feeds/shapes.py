"""Exports of shop programs, recognised by their columns: Google Merchant, Shopify and WooCommerce."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from index.sources.feeds import shopify, stock, woocommerce
from index.sources.feeds.cell_types import Row
from index.sources.feeds.column_names import fold
from models.csv_tables import Note

Products: TypeAlias = Callable[[Iterable[Row], Note], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class FeedShape:
    """A kind of export: the columns by which it is recognised, the column of each attribute, and what makes its rows
    products. If it has `others`, its other columns are attributes, too; `texts` are attributes that stay text."""

    title: str
    signature: frozenset[str]
    columns: Mapping[str, str]
    products: Products
    texts: frozenset[str] = frozenset()
    others: bool = False


def recognised(present: Sequence[str]) -> FeedShape | None:
    """Return the kind of export that has these columns; None for a table of another origin."""
    names = set(map(fold, present))
    if {"id", "image"} <= names:
        return None
    return next((shape for shape in SHAPES if shape.signature <= names), None)


def _google(rows: Iterable[Row], note: Note) -> Iterator[Row]:
    """Yield the items of a feed; what can be bought only later is not in stock."""
    for row in rows:
        availability = row.get("in_stock")
        if isinstance(availability, str):
            meaning = stock.AVAILABILITY.get(stock.availability(availability))
            row["in_stock"] = "" if meaning is None else "true" if meaning else "false"
        more = row.get("additional_image_link")
        if isinstance(more, str):
            row["additional_image_link"] = [part.strip() for part in more.split(",") if part.strip()]
        yield row


GOOGLE = FeedShape(
    "Google Merchant feed",
    frozenset({"id", "image_link"}),
    {"image": "image_link", "in_stock": "availability", "availability": "availability"},
    _google,
    frozenset({"availability", "gtin", "mpn", "item_group_id", "google_product_category"}),
    others=True,
)
SHAPES = (
    GOOGLE,
    FeedShape("Shopify product export", frozenset({"handle", "title", "image_src"}), shopify.COLUMNS, shopify.products),
    FeedShape(
        "Shopify product export",
        frozenset({"url_handle", "title", "product_image_url"}),
        shopify.NEWER_COLUMNS,
        shopify.products,
    ),
    FeedShape(
        "WooCommerce product export",
        frozenset({"id", "name", "images", "regular_price"}),
        woocommerce.COLUMNS,
        woocommerce.products,
        frozenset({"sku"}),
    ),
)
