"""WooCommerce's product export: a row a product, or a variation of the product that it names as its parent."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from index.sources.feeds.cell_types import Row
from index.sources.feeds.column_names import WORKING, fold
from index.sources.feeds.html_text import plain
from index.sources.feeds.woocommerce_names import english
from models.csv_tables import Note

ATTRIBUTES = range(1, 31)
COLUMNS = {
    "id": "id", "sku": "sku", "title": "name", "image": "images", "price": "regular_price", "sale_price": "sale_price",
    "in_stock": "in_stock", "stock": "stock", "category": "categories", "tags": "tags", "brand": "brands",
    "gtin": "gtin", "_short": "short_description", "_long": "description", "_type": "type", "_parent": "parent",
    "_id": "id", "_published": "published", "_visibility": "visibility_in_catalog",
    **{f"_name{number}": f"attribute_{number}_name" for number in ATTRIBUTES},
    **{f"_values{number}": f"attribute_{number}_value(s)" for number in ATTRIBUTES},
}  # fmt: skip
COMMA = re.compile(r"(?<!\\),")  # one within a value is written \,
STOCK = {"1": "true", "0": "false", "yes": "true", "no": "false", "instock": "true", "outofstock": "false"}
BACKORDER = "backorder"  # can be ordered, and is not in stock
PARENT_ID = "id:"


def usual_id(present: Sequence[str]) -> Mapping[str, str]:
    """Return the column of the id of an export without the column ID: that of the article number."""
    number = next((name for name in present if english(name) == "sku"), None)
    return {} if number is None else {"id": fold(number)}


def products(rows: Iterable[Row], note: Note) -> Iterator[Row]:
    """Yield a product for each row that is not a variation of another; variations give it images, prices and more.

    Products that are not published, or hidden in the catalog, are left out with a note.
    """
    all_rows = [{name: cell for name, cell in row.items() if isinstance(cell, str)} for row in rows]
    parents: dict[str, dict[str, str]] = {}
    for cells in all_rows:
        if not _is_variation(cells):
            parents[PARENT_ID + cells.get("_id", "")] = cells
            if cells.get("sku"):
                parents.setdefault(cells["sku"], cells)
    variations: dict[int, list[dict[str, str]]] = {}
    hidden: list[str] = []
    own: list[dict[str, str]] = []
    for cells in all_rows:
        parent = parents.get(cells.get("_parent", "")) if _is_variation(cells) else None
        if parent is not None:
            variations.setdefault(id(parent), []).append(cells)
        elif cells.get("_published", "1") not in ("1", "") or cells.get("_visibility", "").lower() == "hidden":
            hidden.append(cells.get("id", ""))
        else:
            own.append(cells)
    for cells in own:
        yield _product(cells, variations.get(id(cells), []))
    if hidden:
        note(
            f"{len(hidden)} products were left out, since they are not published or hidden in the catalog: the first is"
            f" {hidden[0]!r}"
        )


def _is_variation(cells: dict[str, str]) -> bool:
    return cells.get("_type", "").lower().startswith("variation")


def _product(cells: dict[str, str], variations: list[dict[str, str]]) -> Row:
    product: Row = {name: cell for name, cell in cells.items() if not name.startswith(WORKING)}
    everything = [cells, *variations]
    images = list(dict.fromkeys(image for row in everything for image in _split(row.get("image", ""))))
    product["image"] = images[0] if images else ""
    product["images"] = images
    product["description"] = plain((cells.get("_short") or cells.get("_long", "")).replace("\\n", " "))
    for name in ("category", "tags"):
        product[name] = _split(cells.get(name, ""))
    if not cells.get("price"):  # of a product with variations: it is what the cheapest costs
        cheapest = min((row for row in variations if row.get("price")), key=_digits, default={})
        product |= {name: cheapest.get(name, "") for name in ("price", "sale_price")}
    stocks = {stock for row in everything[bool(variations) :] if (stock := _stock(row))}
    product["in_stock"] = "true" if "true" in stocks else "false" if stocks else ""
    for number in ATTRIBUTES:
        option = fold(cells.get(f"_name{number}", ""))
        if option:
            values = [value for row in everything for value in _split(row.get(f"_values{number}", ""))]
            product[f"attribute_{option}" if option in product else option] = list(dict.fromkeys(values))
    return product


def _split(cell: str) -> list[str]:
    return [part.strip().replace("\\,", ",") for part in COMMA.split(cell) if part.strip()]


def _stock(cells: dict[str, str]) -> str:
    stock = cells.get("in_stock", "").lower()
    return "false" if stock == BACKORDER else STOCK.get(stock, "")


def _digits(cells: dict[str, str]) -> tuple[int, str]:
    """Return a key by which prices with the same decimals sort."""
    digits = re.sub(r"[^0-9]", "", cells["price"]).lstrip("0")
    return len(digits), digits
