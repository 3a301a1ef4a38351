"""Shopify's product export: a row a variant or image, of which those of one handle are one product."""

from collections.abc import Iterable, Iterator, Sequence

from index.sources.feeds import metafields
from index.sources.feeds.cell_types import Row
from index.sources.feeds.column_names import WORKING, fold
from index.sources.feeds.html_text import plain
from models.csv_tables import Note

OPTIONS = (1, 2, 3)
# the rows of a product are merged into these, or give the first filled cell
COLUMNS = {
    "id": "handle", "title": "title", "description": "body_(html)", "brand": "vendor", "category": "product_category",
    "type": "type", "tags": "tags", "image": "image_src", "price": "variant_price", "sku": "variant_sku",
    "compare_at_price": "variant_compare_at_price", "barcode": "variant_barcode", "_handle": "handle",
    "_position": "image_position", "_variant_image": "variant_image", "_quantity": "variant_inventory_qty",
    "_tracker": "variant_inventory_tracker", "_policy": "variant_inventory_policy", "_status": "status",
    "_published": "published",
    **{f"_name{number}": f"option{number}_name" for number in OPTIONS},
    **{f"_value{number}": f"option{number}_value" for number in OPTIONS},
}  # fmt: skip
NEWER_COLUMNS = COLUMNS | {
    "id": "url_handle", "_handle": "url_handle", "description": "description", "image": "product_image_url",
    "price": "price", "sku": "sku", "compare_at_price": "compare_at_price", "barcode": "barcode",
    "_variant_image": "variant_image_url", "_quantity": "inventory_quantity", "_tracker": "inventory_tracker",
    "_policy": "continue_selling_when_out_of_stock", "_published": "published_on_online_store",
}  # fmt: skip
PER_VARIANT = ("price", "compare_at_price", "sku", "barcode")
LAST = 10**9  # position of an image without one


def products(rows: Iterable[Row], note: Note) -> Iterator[Row]:
    """Yield a product for each handle, with its images, lowest price, options as lists, and metafields.

    Drafts, archived and unpublished products are left out with a note.
    """
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        cells = {name: cell for name, cell in row.items() if isinstance(cell, str)}
        groups.setdefault(cells.get("_handle", ""), []).append(cells)
    hidden: list[str] = []
    for handle, group in groups.items():
        first = _first_filled(group)
        if first.get("_status", "active").lower() != "active" or first.get("_published", "true").lower() == "false":
            hidden.append(handle)
        else:
            yield _product(group, first)
    if hidden:
        note(
            f"{len(hidden)} products were left out, since they are not active and published: the first is {hidden[0]!r}"
        )


def _first_filled(group: Sequence[dict[str, str]]) -> dict[str, str]:
    first: dict[str, str] = {}
    for cells in group:
        for name, cell in cells.items():
            if cell:
                first.setdefault(name, cell)
    return first


def _product(group: Sequence[dict[str, str]], first: dict[str, str]) -> Row:
    product: Row = {
        name: cell for name, cell in first.items() if not name.startswith(WORKING) and name not in PER_VARIANT
    }
    product.setdefault("id", "")
    images = _images(group)
    product["image"] = images[0] if images else ""
    product["images"] = images
    product["description"] = plain(first.get("description", ""))
    product["tags"] = [tag.strip() for tag in first.get("tags", "").split(",") if tag.strip()]
    variants = [cells for cells in group if any(cells.get(name) for name in (*PER_VARIANT, "_value1"))]
    cheapest = min(variants, key=_price, default={})
    product |= {name: cheapest.get(name, "") for name in ("price", "compare_at_price")}
    for name in ("sku", "barcode"):
        product[name] = list(dict.fromkeys(code for cells in variants if (code := cells.get(name, "").lstrip("'"))))
    if variants and "_quantity" in variants[0]:
        product["in_stock"] = "true" if any(map(_is_available, variants)) else "false"
    for number in OPTIONS:
        option = fold(first.get(f"_name{number}", ""))
        values = list(dict.fromkeys(value for cells in variants if (value := cells.get(f"_value{number}", ""))))
        if option and values and values != ["Default Title"]:  # of a product without options
            product[f"option_{option}" if option in product else option] = values
    for name in (name for name in first if name.startswith(metafields.MARK)):
        key = name.removeprefix(metafields.MARK)
        product[f"metafield_{key}" if key in product else key] = metafields.value(
            [cell for cells in group if (cell := cells.get(name, ""))]
        )
    return product


def _images(group: Sequence[dict[str, str]]) -> list[str]:
    """Return the images by their position, and then those that only variants have, each once."""
    images = [cells["image"] for cells in sorted(group, key=_position) if cells.get("image")]
    variants = [cells["_variant_image"] for cells in group if cells.get("_variant_image")]
    return list(dict.fromkeys([*images, *variants]))


def _position(cells: dict[str, str]) -> int:
    position = cells.get("_position", "")
    return int(position) if position.isascii() and position.isdecimal() and len(position) < 10 else LAST


def _price(cells: dict[str, str]) -> float:
    try:
        return float(cells.get("price", "") or "inf")
    except ValueError:
        return float("inf")  # the type of the column will say so


def _is_available(cells: dict[str, str]) -> bool:
    """Return whether a variant can be bought: it is in stock, not counted, or sold on without any."""
    if not cells.get("_tracker") or cells.get("_policy", "").lower() in ("continue", "true"):
        return True
    quantity = cells.get("_quantity", "")
    return quantity.isascii() and quantity.isdecimal() and quantity.strip("0") != ""
