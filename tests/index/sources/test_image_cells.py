"""The column images of tables: every way to write several addresses, and what is left out."""

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from index.sources.image_cells import MAX_IMAGES, addresses
from index.sources.rows import SourceRow, rows
from models.errors import SourceError

URLS = ("https://cdn.example/a,1.jpg", "https://cdn.example/b 2.jpg", "s3://shop/c.jpg")


def read(table: Path, text: str) -> tuple[list[SourceRow], list[str]]:
    table.write_text(text)
    notes: list[str] = []
    return list(rows(table, note=notes.append)), notes


def uris(row: SourceRow) -> list[str]:
    return [row.image, *(image.uri for image in row.further)]


@pytest.mark.parametrize("between", ["|", " | ", ", ", ",", ";", "  ", "\n"])
def test_addresses_are_split_at_any_separator(between: str) -> None:
    assert addresses(between.join(URLS)) == list(URLS)


@pytest.mark.parametrize("between", ["|", ", ", ",", ";", "\n"])
def test_paths_keep_their_spaces(between: str) -> None:
    assert addresses(between.join(["my photo.jpg", "b.png", "b.png", ""])) == ["my photo.jpg", "b.png"]


def test_arrays_numbers_and_empty_cells_are_told_apart() -> None:
    assert addresses('["a.png", "b|c.png", null]') == ["a.png", "b|c.png"]
    assert addresses(["a.png", " b.png ", None, "a.png"]) == ["a.png", "b.png"]
    assert (addresses("3"), addresses(3), addresses(True)) == (None, None, None)
    assert (addresses(""), addresses(None)) == ([], [])
    with pytest.raises(ValueError, match="path or URL"):
        addresses(["a.png", 7])


def test_images_stand_beside_or_in_place_of_image(tmp_path: Path) -> None:
    (one, two, three), notes = read(
        tmp_path / "t.csv", "id,image,images,title\n1,a.png,a.png|b.png,One\n2,a.png,,Two\n3,,b.png|c.png,Three\n"
    )
    base = str(tmp_path.resolve())
    assert uris(one) == [f"{base}/a.png", f"{base}/b.png"]
    assert uris(two) == [f"{base}/a.png"]
    assert uris(three) == [f"{base}/b.png", f"{base}/c.png"]
    assert one.attributes == {"title": "One"} and notes == []
    (alone,), notes = read(tmp_path / "u.csv", "ID,Images\n1,https://cdn.example/x.jpg|data:image/png;base64\n")
    assert alone.image == "https://cdn.example/x.jpg" and "data:" in alone.further[0].problem
    table = pyarrow.table({"id": ["1"], "images": [["a.png", "b.png"]]})
    parquet.write_table(table, tmp_path / "t.parquet")
    (item,) = rows(tmp_path / "t.parquet")
    assert uris(item) == [f"{base}/a.png", f"{base}/b.png"]
    lines = [{"id": 1, "image": "a.png"}, {"id": 2, "images": ["a.png", "b.png"]}, {"id": 3, "image": ["c.png"]}]
    found, _ = read(tmp_path / "t.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    assert [len(uris(row)) for row in found] == [1, 2, 1]


def test_a_number_of_images_is_an_attribute(tmp_path: Path) -> None:
    (item,), _ = read(tmp_path / "t.jsonl", '{"id": "a", "image": "a.png", "images": 4}\n')
    assert (item.attributes, item.further) == ({"images": 4}, ())


def test_more_than_the_most_images_are_noted(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(MAX_IMAGES + 3)]
    (item,), notes = read(tmp_path / "t.jsonl", json.dumps({"id": "a", "images": names}) + "\n")
    assert [Path(uri).name for uri in uris(item)] == names[:MAX_IMAGES]
    assert len(notes) == 1 and "'a'" in notes[0]


def test_an_image_that_is_no_text_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"row 2 has the image \['a.png', 7\]"):
        read(tmp_path / "t.jsonl", '{"id": 1, "images": ["a.png"]}\n{"id": 2, "images": ["a.png", 7]}\n')
