"""A dry run shows what a build would make of a source, and leaves nothing behind."""

import json
from pathlib import Path

import pytest

from index.__main__ import main
from tests.index.sources.feeds import exports

CELLS = (
    "SKU;Photo;Price;tags;In Stock;size\n1;a.png;1.299,00 €;a, b;yes;S\n2;a.png;19,50 €;;no;M\n"
    "3;b.png;5 €;;yes;L\n4;;5 €;;yes;L\n5;data:x;5 €;;yes;L\n6;https://shop.example/a.png;5 €;;yes;L\n"
)
MAP = ("--map", "id=sku", "--map", "image=photo")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "t.csv").write_text(CELLS, encoding="cp1252")
    return tmp_path / "t.csv"


def test_a_dry_run_says_attributes_refusals_and_a_sample(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(table.parent.iterdir())
    assert main(["build", str(table), "--dry-run", "--progress", "json", *MAP]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["items"] == 3
    assert sorted(result["refused"].values()) == [1, 1, 1]
    kinds = {"price": ["number"], "currency": ["text"], "tags": ["missing", "list of texts"], "in_stock": ["boolean"]}
    assert result["attributes"] == kinds | {"size": ["text"]}
    assert [item["id"] for item in result["sample"]] == ["1", "2", "6"]
    expected = {"price": 1299.0, "currency": "EUR", "tags": ["a", "b"], "in_stock": True, "size": "S"}
    assert result["sample"][0]["attributes"] == expected
    assert any("'SKU' is id" in note and "'Photo' is image" in note for note in result["notes"])
    assert sorted(table.parent.iterdir()) == before


def test_a_dry_run_is_a_report_for_people(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(table), "--dry-run", "--progress", "none", *MAP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 items") and lines[0].endswith("3 rows would be skipped")
    assert "  price (number)" in lines and "item 1: " + str(table.parent.resolve() / "a.png") in lines
    assert any(line.startswith("note: ") and "Windows-1252" in line for line in lines)


def test_a_dry_run_refuses_what_a_build_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("id,image\n1,a.png\n1,a.png\n")
    assert main(["build", str(tmp_path / "t.csv"), "--dry-run"]) == 2
    assert "an id of an earlier row" in capsys.readouterr().err
    assert main(["build", str(tmp_path / "t.csv")]) == 2
    assert "--gallery" in capsys.readouterr().err


def test_an_export_is_tried_without_its_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    urls = [f"https://cdn.example/{number}.jpg" for number in range(3)]
    table = exports.write(tmp_path / "p.csv", exports.SHOPIFY, urls)
    assert main(["build", str(table), "--dry-run", "--progress", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["items"], result["refused"], result["attributes"]["price"]) == (2, {}, ["number"])


def test_a_price_that_is_text_is_noted_whatever_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    for name, text in (
        ("t.jsonl", '{"id": "1", "image": "a.png", "price": "12.99 USD"}\n'),
        ("t.csv", "id,image,price\n1,a.png,on request\n2,a.png,sold out\n3,a.png,5\n"),
        ("u.csv", "id,image,price\n1,a.png,ab 5 €\n2,a.png,7 €\n"),
    ):
        (tmp_path / name).write_text(text)
        assert main(["build", str(tmp_path / name), "--dry-run", "--progress", "json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["attributes"] == {"price": ["text"]}
        assert [("'price' is text" in note) for note in result["notes"]] == [True], name
