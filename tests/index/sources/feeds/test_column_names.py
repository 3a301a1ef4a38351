"""Columns get the names that a gallery needs, by a map or by themselves."""

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from index.sources.rows import rows
from models.errors import SourceError

RECORD = {"SKU": "a1", " Image Link ": "a.png", "IN STOCK": True, "Farbe": "red"}


def write(path: Path, record: dict[str, object]) -> Path:
    match path.suffix:
        case ".csv":
            path.write_text(",".join(record) + "\n" + ",".join(map(str, record.values())) + "\n")
        case ".jsonl":
            path.write_text(json.dumps(record) + "\n")
        case _:
            parquet.write_table(pyarrow.table({name: [value] for name, value in record.items()}), path)
    return path


each_format = pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])


@each_format
def test_a_map_names_the_columns_whatever_their_case(tmp_path: Path, name: str) -> None:
    table = write(tmp_path / name, dict(RECORD))
    (row,) = rows(table, columns={"id": "sku", "image": "image_link", "color": "Farbe", "code": "SKU"})
    assert (row.id, row.image) == ("a1", str(tmp_path.resolve() / "a.png"))
    assert row.attributes == {"in_stock": True, "color": "red", "code": "a1"}


@each_format
def test_a_column_whose_name_is_given_away_is_left_out_with_a_note(tmp_path: Path, name: str) -> None:
    table = write(tmp_path / name, {"id": "1", "image": "a.png", "photo": "b.png"})
    notes: list[str] = []
    (row,) = rows(table, columns={"image": "photo"}, note=notes.append)
    assert (row.image, row.attributes) == (str(tmp_path.resolve() / "b.png"), {})
    assert [("'image'" in note, "'photo'" in note) for note in notes] == [(False, True), (True, False)]


@each_format
def test_a_missing_column_is_named_with_the_way_out(tmp_path: Path, name: str) -> None:
    table = write(tmp_path / name, {"id": "1", "photo": "b.png"})
    with pytest.raises(SourceError, match=r"no column 'image', .*'photo'.*--map image=COLUMN"):
        list(rows(table))
    with pytest.raises(SourceError, match="no column 'pictures'"):
        list(rows(table, columns={"image": "pictures"}))


def test_names_that_differ_in_case_alone_stay_two_attributes(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", {"id": "1", "ID": "x", "image": "a.png", "Price": "3", "price": "4"})
    (row,) = rows(table)
    assert (row.id, row.attributes) == ("1", {"ID": "x", "Price": 3, "price": 4})
