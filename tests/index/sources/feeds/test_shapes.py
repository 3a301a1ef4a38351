"""Exports of Google Merchant, Shopify and WooCommerce are recognised and become one item a product."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from index.sources.rows import SourceRow, rows
from models.errors import SourceError
from tests.index.sources.feeds import exports

IMAGES = ("https://cdn.example/1.jpg", "https://cdn.example/2.jpg", "https://cdn.example/3.jpg")


def products(table: Path, columns: Mapping[str, str] | None = None) -> tuple[list[SourceRow], list[str]]:
    """Return the rows of a table and the notes."""
    notes: list[str] = []
    return list(rows(table, columns=columns or {}, note=notes.append)), notes


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("feed.txt", exports.GOOGLE_TSV, "utf-8-sig"),
        ("feed.tsv", exports.GOOGLE_TSV, "utf-16"),
        ("feed.xml", exports.GOOGLE_RSS, "utf-8"),
        ("feed.xml", exports.GOOGLE_RSS, "utf-16"),
    ],
)
def test_a_google_feed_gives_its_items(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (dress, skirt), notes = products(exports.write(tmp_path / name, text, IMAGES, encoding))
    assert (dress.id, dress.image) == ("A1", IMAGES[0])
    assert dress.attributes["title"] == "Blue dress"
    assert dress.attributes["description"] == "A dress, blue."
    assert dress.attributes["link"] == "https://shop.example/a1"
    assert dress.attributes["brand"] == "Fjord"
    assert dress.attributes["gtin"] == "04006381333931"
    assert [image.uri for image in dress.further] == [IMAGES[1], IMAGES[2]] and not skirt.further
    assert (dress.attributes["in_stock"], skirt.attributes["in_stock"]) == (True, False)
    assert (skirt.id, skirt.image, skirt.attributes["title"]) == ("A2", IMAGES[1], "Red skirt")
    assert skirt.attributes["availability"] == "backorder"
    names = ("price", "sale_price", "currency")
    assert [dress.attributes[name] for name in names] == [1299.0, 999.5, "EUR"]
    assert [skirt.attributes[name] for name in names] == [15.0, None, "EUR"]
    assert any("shipping" in note for note in notes) == (name == "feed.xml")


def test_a_google_feed_in_atom_gives_its_links(tmp_path: Path) -> None:
    (dress, skirt), _ = products(exports.write(tmp_path / "f.xml", exports.GOOGLE_ATOM, IMAGES, "latin-1"))
    assert (dress.id, dress.image, dress.attributes["brand"]) == ("A1", IMAGES[0], "Fjörd")
    assert [row.attributes["link"] for row in (dress, skirt)] == ["https://shop.example/a1", "https://shop.example/a2"]


def test_a_shopify_export_gives_a_product_a_handle(tmp_path: Path) -> None:
    (dress, skirt), notes = products(exports.write(tmp_path / "p.csv", exports.SHOPIFY, IMAGES))
    assert [image.uri for image in dress.further] == [IMAGES[1], IMAGES[2]] and not skirt.further
    assert (dress.id, dress.image) == ("blue-dress", IMAGES[0])
    assert dress.attributes == {
        "title": "Blue dress", "description": "A dress, blue & light", "brand": "Fjord", "type": "Dress",
        "category": "Apparel > Dresses", "tags": ["summer", "linen"], "price": 999.5, "compare_at_price": None,
        "sku": ["BD-S", "BD-M"], "barcode": None, "in_stock": True, "size": ["S", "M"], "color": ["Blue"],
    }  # fmt: skip
    assert (skirt.id, skirt.image, skirt.attributes["price"]) == ("red-skirt", IMAGES[1], 15.0)
    assert skirt.attributes["in_stock"] is False
    assert any("'old-hat'" in note for note in notes)
    assert any("'Image Alt Text'" in note for note in notes)


def test_a_shopify_export_of_the_newer_template_is_the_same(tmp_path: Path) -> None:
    names = {
        "Handle": "URL handle", "Body (HTML)": "Description", "Image Src": "Product image URL", "Variant SKU": "SKU",
        "Published": "Published on online store", "Variant Price": "Price", "Variant Barcode": "Barcode",
        "Variant Compare At Price": "Compare-at price", "Variant Inventory Qty": "Inventory quantity",
        "Variant Inventory Tracker": "Inventory tracker", "Variant Image": "Variant image URL",
        "Variant Inventory Policy": "Continue selling when out of stock",
    }  # fmt: skip
    header, _, body = exports.SHOPIFY.partition("\n")
    newer = ",".join(names.get(name, name) for name in header.split(","))
    old, _ = products(exports.write(tmp_path / "old.csv", exports.SHOPIFY, IMAGES))
    assert products(exports.write(tmp_path / "new.csv", f"{newer}\n{body}", IMAGES))[0] == old


def test_a_woocommerce_export_merges_variations_into_their_product(tmp_path: Path) -> None:
    (dress, skirt), notes = products(exports.write(tmp_path / "p.csv", exports.WOOCOMMERCE, IMAGES))
    assert [image.uri for image in dress.further] == [IMAGES[1]] and not skirt.further
    assert (dress.id, dress.image) == ("11", IMAGES[0])
    assert dress.attributes["title"] == "Blue dress"
    assert dress.attributes["description"] == "A dress"
    assert dress.attributes["category"] == ["Clothing > Dresses", "Sale"]
    assert dress.attributes["tags"] == ["summer", "linen, light"]
    assert dress.attributes["size"] == ["S", "M"]
    assert (dress.attributes["in_stock"], skirt.attributes["in_stock"]) == (True, False)
    assert (dress.attributes["price"], dress.attributes["sale_price"]) == (999.5, None)
    assert (skirt.attributes["price"], skirt.attributes["sale_price"]) == (15.0, 12.0)
    assert (skirt.id, skirt.image, skirt.attributes["description"]) == ("14", IMAGES[1], "A skirt")
    assert any("'15'" in note for note in notes)


def test_a_map_overrides_a_recognised_column(tmp_path: Path) -> None:
    table = exports.write(tmp_path / "p.csv", exports.SHOPIFY, IMAGES)
    found, _ = products(table, {"id": "variant sku", "alt": "Image Alt Text"})
    assert [(row.id, row.attributes["alt"]) for row in found] == [("BD-S", "back"), ("RS", None)]
    with pytest.raises(SourceError, match="no column 'nothing'"):
        products(table, {"id": "nothing"})
