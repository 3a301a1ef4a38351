"""Exports of shop programs, recognised by their columns: Google Merchant, Shopify and WooCommerce."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from index.sources.feeds import google, metafields, shopify, woocommerce
from index.sources.feeds.cell_types import Row
from index.sources.feeds.column_names import fold
from index.sources.feeds.woocommerce_names import english
from models.csv_tables import Note

Products: TypeAlias = Callable[[Iterable[Row], Note], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class FeedShape:
    """A kind of export: the columns by which it is recognised, the column of each attribute, and what makes its rows
    products. If it has `others`, its other columns are attributes, too; `texts` are attributes that stay text.

    `standard` makes the names of signature and columns of those in the file. `more` gives the folded columns of
    attributes that not every export has; `columns` come before them.
    """

    title: str
    signature: frozenset[str]
    columns: Mapping[str, str]
    products: Products
    texts: frozenset[str] = frozenset()
    others: bool = False
    standard: Callable[[str], str] = fold
    more: Callable[[Sequence[str]], Mapping[str, str]] = lambda present: {}

    def columns_of(self, present: Sequence[str]) -> Mapping[str, str]:
        """Return the folded column of each attribute among those of a file."""
        folded: dict[str, str] = {}
        for name in present:
            folded.setdefault(self.standard(name), fold(name))
        usual = {target: folded[column] for target, column in self.columns.items() if column in folded}
        return {**self.more(present), **usual}


def recognised(present: Sequence[str]) -> FeedShape | None:
    """Return the kind of export that has these columns; None for a table of another origin."""
    if {"id", "image"} <= set(map(fold, present)):
        return None
    return next((shape for shape in SHAPES if shape.signature <= set(map(shape.standard, present))), None)


GOOGLE = FeedShape(
    "Google Merchant feed",
    frozenset({"id", "image_link"}),
    google.COLUMNS,
    google.products,
    google.TEXTS,
    others=True,
    standard=google.english,
)
SHAPES = (
    GOOGLE,
    FeedShape(
        "Shopify product export",
        frozenset({"handle", "title", "image_src"}),
        shopify.COLUMNS,
        shopify.products,
        more=metafields.columns,
    ),
    FeedShape(
        "Shopify product export",
        frozenset({"url_handle", "title", "product_image_url"}),
        shopify.NEWER_COLUMNS,
        shopify.products,
        more=metafields.columns,
    ),
    FeedShape(
        "WooCommerce product export",
        frozenset({"name", "images", "regular_price"}),
        woocommerce.COLUMNS,
        woocommerce.products,
        frozenset({"sku", "gtin"}),
        standard=english,
        more=woocommerce.usual_id,
    ),
)
