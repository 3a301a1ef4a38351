"""Every kind of table gives the same captioned pictures, and rows that cannot be used are named."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from models.errors import InputError
from training.data.formats import captioned_table
from training.data.rows import Flaw

Draw = Callable[..., bytes]
Records = Sequence[Mapping[str, object]]


def write(path: Path, records: Records) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    else:
        parquet.write_table(pyarrow.Table.from_pylist([dict(record) for record in records]), path)
    return path


each_table = pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])


@each_table
def test_rows_are_the_tables_in_its_order(tmp_path: Path, draw: Draw, name: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.png").write_bytes(draw(2, kind="PNG"))
    (tmp_path / "a.jpg").write_bytes(draw(1))
    records: Records = [
        {"n": 1, "image": "deep/b.png", "caption": ' a coat, "red" ', "words": "x"},
        {"n": 2, "image": str(tmp_path / "a.jpg"), "caption": "größer", "words": "y"},
        {"n": 3, "image": "a", "caption": "again", "words": "z"},
    ]
    path = write(tmp_path / name, records)
    rows = captioned_table.find(path).whole(skip=None)
    assert list(rows.captions) == ['a coat, "red"', "größer", "again"]
    assert [rows.images.read(row) for row in range(3)] == [draw(2, kind="PNG"), draw(1), draw(1)]
    assert list(captioned_table.find(path, caption="words").whole(skip=None).captions) == ["x", "y", "z"]


@each_table
def test_missing_pictures_and_blank_captions_are_named(tmp_path: Path, draw: Draw, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(draw(1))
    records = [("a.jpg", "fine"), ("b.jpg", "lost"), ("a.jpg", "  "), ("", "no name"), ("a.jpg", None)]
    path = write(tmp_path / name, [{"image": image, "caption": caption} for image, caption in records])
    found = captioned_table.find(path)
    assert list(found.rows.captions) == ["fine"]
    assert found.flaws == (
        Flaw("2:b.jpg", "no image", "b.jpg"),
        Flaw("3:a.jpg", "blank caption"),
        Flaw("4:", "no image", ""),
        Flaw("5:a.jpg", "blank caption"),
    )


@each_table
def test_a_missing_column_is_refused_with_those_there_are(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [{"image": "a.jpg", "title": "x"}])
    with pytest.raises(InputError, match="no column 'caption', its columns are 'image', 'title'"):
        captioned_table.find(path)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("t.csv", b"image,caption\na,\xff\x81\n", "as UTF-8"),
        ("t.csv", b'image,caption\n"a,b\n', "line 2 cannot be read"),
        ("t.jsonl", b'{"image":\n', "line 1 is not JSON"),
        ("t.jsonl", b"[1]\n", "line 1 is not a JSON object"),
        ("t.parquet", b"no parquet", "is not a whole Parquet table"),
        ("t.xls", b"", "the suffix '.xls'"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=match):
        captioned_table.find(tmp_path / name)


def test_a_csv_row_that_is_too_short_is_no_row_with_a_blank(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "a.jpg").write_bytes(draw(1))
    (tmp_path / "t.csv").write_text("image,caption\na.jpg\na.jpg,fine,more\n")
    with pytest.raises(InputError, match="row 1 has 1 cells for 2 columns"):
        captioned_table.find(tmp_path / "t.csv")
