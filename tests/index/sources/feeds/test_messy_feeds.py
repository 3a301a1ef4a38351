"""Feeds with the mess of real shops become the right items in one command."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index.__main__ import main
from index.sources.rows import SourceRow, rows
from models.errors import SourceError
from tests.index.sources.feeds import exports, messy

if TYPE_CHECKING:
    from tests.index.conftest import Draw

IMAGES = ("https://cdn.example/1.jpg", "https://cdn.example/2.jpg", "https://cdn.example/3.jpg")


def products(table: Path) -> tuple[list[SourceRow], list[str]]:
    """Return the rows of a table and the notes."""
    notes: list[str] = []
    return list(rows(table, note=notes.append)), notes


def test_quotes_of_a_google_feed_are_read_cell_by_cell(tmp_path: Path) -> None:
    table = exports.write(tmp_path / "feed.txt", messy.GOOGLE_TSV, IMAGES, "utf-16")
    (dress, skirt, coat), notes = products(table)
    assert [row.attributes["title"] for row in (dress, skirt, coat)] == ['Kleid "Luna"', "Rock, lang", '"Best" coat']
    assert dress.attributes["description"] == 'Leinen & Baumwolle, 27" lang'
    assert skirt.attributes["description"] == 'A skirt with a tab, "so" and two lines'
    assert [row.attributes["in_stock"] for row in (dress, skirt, coat)] == [True, False, False]
    assert (dress.attributes["price"], dress.attributes["currency"]) == (1299.0, "EUR")
    assert not any("effective" in note for note in notes)


def test_a_google_feed_in_german_has_the_english_attributes(tmp_path: Path) -> None:
    (dress, skirt), _ = products(exports.write(tmp_path / "feed.tsv", messy.GOOGLE_GERMAN, IMAGES))
    assert (dress.id, dress.image) == ("S1", IMAGES[0])
    expected = {"title": "Kleid", "price": 1299.0, "currency": "EUR", "brand": "Fjord", "in_stock": True}
    assert expected.items() <= dress.attributes.items()
    assert [image.uri for image in dress.further] == [IMAGES[1]]
    assert skirt.attributes["in_stock"] is False


def test_shopify_rows_of_a_handle_are_one_product_with_its_metafields(tmp_path: Path) -> None:
    (dress, skirt), _ = products(exports.write(tmp_path / "p.csv", messy.shopify(), IMAGES))
    assert [image.uri for image in dress.further] == [IMAGES[1], IMAGES[2]]
    assert (dress.id, dress.image) == ("dress", IMAGES[0])
    expected = {
        "title": "Dress", "description": "A dress, blue & light", "price": 999.5, "sku": ["007", "D-M"],
        "size": ["S", "M"], "in_stock": False, "tags": ["summer", "linen"], "material": ["linen", "cotton"],
        "specs_material": 1.5, "waterproof": False, "color_pattern": ["blue", "navy"], "cut": ["slim", "wide"],
        "care_guide": 'Wash "cold"',
    }  # fmt: skip
    assert expected.items() <= dress.attributes.items()
    assert (skirt.attributes["material"], skirt.attributes["waterproof"]) == (["wool"], True)
    assert not any("related" in name for name in dress.attributes)


@pytest.mark.parametrize("language", messy.WOOCOMMERCE_NAMES)
def test_woocommerce_names_of_every_language_are_read(tmp_path: Path, language: str) -> None:
    table = exports.write(tmp_path / "p.csv", messy.woocommerce(language), IMAGES, "cp1252")
    (dress, skirt), notes = products(table)
    assert [image.uri for image in dress.further] == [IMAGES[1], IMAGES[2]]  # the last is a variation's
    assert (dress.id, dress.image) == ("11", IMAGES[0])
    assert dress.attributes == {
        "title": "Kleid", "sku": "KL", "price": 999.0, "sale_price": 899.0, "currency": "EUR", "in_stock": True,
        "stock": None, "category": ["Kleidung > Kleider", "Sale"], "tags": ["sommer"], "brand": "Fjord", "gtin": None,
        "description": "Aus Leinen", "größe": ["S", "M"],
    }  # fmt: skip
    assert (skirt.id, skirt.image, skirt.attributes["sku"]) == ("14", IMAGES[1], "0815")
    assert (skirt.attributes["price"], skirt.attributes["in_stock"]) == (49.9, False)
    assert skirt.attributes["gtin"] == "4006381333931"
    assert any("WooCommerce" in note for note in notes)


def test_a_woocommerce_export_without_ids_has_article_numbers(tmp_path: Path) -> None:
    text = "Type;SKU;Name;Regular price;Images\nsimple;KL;Kleid;5;{0}\nsimple;RO;Rock;5;{1}\n"
    found, _ = products(exports.write(tmp_path / "p.csv", text, IMAGES))
    assert [(row.id, row.attributes["sku"]) for row in found] == [("KL", "KL"), ("RO", "RO")]


def test_a_table_with_other_names_is_refused_with_the_map_that_it_needs(tmp_path: Path) -> None:
    table = exports.write(tmp_path / "own.csv", messy.OWN, IMAGES, "cp1252")
    with pytest.raises(SourceError, match="--map id=SKU --map image=BILD"):
        products(table)
    notes: list[str] = []
    dress, _ = rows(table, columns={"id": "SKU", "image": "BILD"}, note=notes.append)
    assert (dress.id, dress.attributes["Preis"], dress.attributes["Größen"]) == ("A 1", 1299.0, ["36", "38"])
    assert any("--map title=Name --map price=Preis --map 'in_stock=Auf Lager'" in note for note in notes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "encoding", "items", "images"),
    [
        ("feed.txt", messy.GOOGLE_TSV, "utf-16", 3, 5),
        ("feed.xml", exports.GOOGLE_RSS, "utf-8", 2, 4),
        ("products_export.csv", messy.shopify(), "utf-8-sig", 2, 4),
        ("wc-product-export.csv", messy.woocommerce("de"), "cp1252", 2, 4),
    ],
)
def test_each_messy_feed_becomes_a_shop_in_one_command(
    tmp_path: Path, bundle: Path, draw: "Draw", capsys: pytest.CaptureFixture[str], name: str, text: str,
    encoding: str, items: int, images: int,
) -> None:  # fmt: skip
    draw(tmp_path, 3)
    table = exports.write(tmp_path / name, text, [f"000{number}.png" for number in range(3)], encoding)
    assert main(["build", str(table), "--gallery", str(tmp_path / "g"), "--bundle", str(bundle)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{items} items with {images} images ({images} embedded, 0 reused), 0 skipped")
    assert "is read as a " in captured.err
    assert main(["inspect", str(tmp_path / "g")]) == 0
    assert "is read as a " in capsys.readouterr().out
