"""Folders and tables give the same rows, and a source that is none is refused with a sentence."""

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from index.sources.cells import Value
from index.sources.image_bytes import read_image
from index.sources.rows import MAX_ID_CHARS, SourceRow, rows
from models.errors import SourceError, UnreadableImage

RECORDS: list[dict[str, Value]] = [
    {"id": "a", "image": "a.png", "colour": "red", "price": 9.5, "stock": 3, "new": True, "size": "036"},
    {"id": "b", "image": "deep/b.jpg", "colour": None, "price": 10.0, "stock": None, "new": False, "size": "040"},
    {
        "id": "c",
        "image": "http://shop.example/c.png",
        "colour": "",
        "price": None,
        "stock": 0,
        "new": None,
        "size": "1",
    },
]


def write_csv(path: Path, records: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def write_jsonl(path: Path, records: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_parquet(path: Path, records: Sequence[Mapping[str, object]]) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist([dict(record) for record in records]), path)
    return path


Write = Callable[[Path, Sequence[Mapping[str, object]]], Path]
WRITERS: list[tuple[Write, str]] = [(write_csv, "t.csv"), (write_jsonl, "t.jsonl"), (write_parquet, "t.parquet")]
each_table = pytest.mark.parametrize(("write", "name"), WRITERS, ids=[name for _, name in WRITERS])


@each_table
def test_every_kind_of_table_gives_the_same_rows_with_exact_types(tmp_path: Path, write: Write, name: str) -> None:
    records = [{**record, "colour": record["colour"] or None} for record in RECORDS]  # CSV has one kind of empty
    found = list(rows(write(tmp_path / name, records)))
    images = [str(tmp_path.resolve() / "a.png"), str(tmp_path.resolve() / "deep/b.jpg"), "http://shop.example/c.png"]
    assert [(row.id, row.image) for row in found] == list(zip("abc", images, strict=True))
    for row, record in zip(found, records, strict=True):
        expected = {key: value for key, value in record.items() if key not in ("id", "image")}
        assert row.attributes == expected
        assert [type(value) for value in row.attributes.values()] == [type(value) for value in expected.values()]


def test_a_folder_is_read_deep_and_sorted_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    for name in ("b.png", "a/c.JPG", ".hidden.png", ".cache/x.png", "notes.txt", "a/c.json", "a-b/d.png", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = list(rows(tmp_path))
    assert [row.id for row in found] == ["a/c", "a/c.json", "a-b/d", "a", "b", "notes.txt"]
    assert found[0] == SourceRow("a/c", str((tmp_path / "a/c.JPG").resolve()), {})


@each_table
def test_repeated_and_missing_ids_are_refused_all_in_one_sentence(tmp_path: Path, write: Write, name: str) -> None:
    ids = ["a", "b", None, "a", *(None for _ in range(11)), "b", "c", "a"]
    table = write(tmp_path / name, [{"id": id, "image": "a.png"} for id in ids])
    with pytest.raises(SourceError) as refused:
        list(rows(table))
    assert str(refused.value) == (
        f"{table} has no id in 12 rows: 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, … and an id of an earlier row in 3 rows:"
        " 4 ('a', as row 1), 16 ('b', as row 2), 18 ('a', as row 1): give every row an id of its own"
    )


@each_table
@pytest.mark.parametrize("column", ["id", "image"])
def test_a_missing_column_is_refused_by_name(tmp_path: Path, write: Write, name: str, column: str) -> None:
    record = {key: "x" for key in ("id", "image", "colour") if key != column}
    with pytest.raises(SourceError, match=f"no column '{column}', its columns are '{next(iter(record))}', 'colour': "):
        list(rows(write(tmp_path / name, [record])))


def test_a_header_without_end_is_shown_by_its_start(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(f"column{number}" for number in range(1000)))
    with pytest.raises(SourceError, match=r"'column0', 'column1', .*…: rename one of them") as refused:
        list(rows(tmp_path / "t.csv"))
    assert len(str(refused.value)) < 600


def test_files_that_would_share_an_id_keep_their_suffixes(tmp_path: Path) -> None:
    names = ["bag.jpeg", "bag.jpg", "deep/bag.png", "hat.jpg", "hat.jpg.png", "notes", "notes.png", "sock.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list(rows(tmp_path))
    assert [Path(row.image).relative_to(tmp_path.resolve()).as_posix() for row in found] == names
    assert [row.id for row in found] == [
        *("bag.jpeg", "bag.jpg", "deep/bag", "hat", "hat.jpg.png", "notes", "notes.png", "sock"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("t.csv", "", "no rows"),
        ("t.csv", "id,image\n", "no rows"),
        ("t.csv", "id,image\na,b,c\n", "row 1 has 3 cells"),
        ("t.csv", "id,image,id\na,b,c\n", "a column twice"),
        ("t.csv", "id,image\n,b\n", "no id in 1 row: 1: give"),
        ("t.csv", 'id,image\n"a,b\n', r"line 2 cannot be read .*close its quotes"),
        ("t.csv", f"id,image\na,{'b' * 9_000_000}\n", "line 2 cannot be read .*under 8388608 characters"),
        ("t.jsonl", "\n\n", "no rows"),
        ("t.jsonl", '{"id": "a", "image": "b"}\n{"id":', "line 2 is not JSON"),
        ("t.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("t.jsonl", '{"id": "a", "image": "b"}\n' + "[" * 100_000, "line 2 is nested too deeply"),
        ("t.jsonl", '{"id": "a\\ud800", "image": "b"}\n', r"row 1 has the id 'a\\ud800', .*write it again"),
        ("t.jsonl", '{"id": "a", "image": "b\\udce9.png"}\n', r"row 1 has the image 'b\\udce9.png', .*write it again"),
        ("t.jsonl", '{"id": 1.5, "image": "b"}\n', "has the id 1.5"),
        ("t.jsonl", '{"id": "a", "image": 7}\n', "has the image 7"),
        ("t.parquet", "no parquet", "is not a whole Parquet table .*write or copy it again"),
        ("t.xlsx", "x", "the suffix '.xlsx'"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_with_the_place(
    tmp_path: Path, name: str, text: str, match: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=match):
        list(rows(tmp_path / name))


def test_no_source_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        list(rows(tmp_path / "nowhere.csv"))
    with pytest.raises(SourceError, match="no rows"):
        list(rows(tmp_path))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"id,image\na,\xff\x81\n")
    with pytest.raises(SourceError, match="write it again as UTF-8"):
        list(rows(tmp_path / "t.csv"))


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_table_that_the_disk_does_not_give_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/proc/self/mem")  # a file whose start cannot be read, not even by root
    with pytest.raises(SourceError, match=r"cannot be read .*check the path and its permissions"):
        list(rows(tmp_path / name))


def test_a_path_that_no_disk_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="check the path"):
        list(rows(tmp_path / ("a" * 300 + ".csv")))


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_lists_of_texts_are_attributes(tmp_path: Path, name: str) -> None:
    tags = [["red", "wool", "red"], [], None, ["größe"]]
    records = [{"id": str(number), "image": "a.png", "tags": texts} for number, texts in enumerate(tags)]
    write = write_parquet if name == "t.parquet" else write_jsonl
    tags_read = [row.attributes["tags"] for row in rows(write(tmp_path / name, records))]
    assert tags_read == [["red", "wool"], None, None, ["größe"]]


def test_a_file_whose_name_is_not_utf8_is_a_bad_row_shown_with_escapes(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / os.fsdecode(b"caf\xe9.png")).touch()
    whole, strange = rows(tmp_path)
    assert (whole.id, strange.id) == ("a", r"caf\xe9")
    assert strange.image == str(tmp_path.resolve() / r"caf\xe9.png")
    with pytest.raises(UnreadableImage, match="not UTF-8: rename"):
        read_image(strange)


def test_a_source_whose_path_is_not_utf8_is_refused_at_once(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_jsonl(folder / "t.jsonl", [{"id": "a", "image": "http://shop.example/c.png"}])
    for source in (folder, folder / "t.jsonl"):
        with pytest.raises(SourceError, match=r"caf\\xe9.* is not UTF-8: rename"):
            list(rows(source))


def test_an_id_that_no_url_can_end_with_is_refused(tmp_path: Path) -> None:
    ids = ["a", "x" * (MAX_ID_CHARS + 1), "..", ".", "x" * MAX_ID_CHARS]
    table = write_jsonl(tmp_path / "t.jsonl", [{"id": id, "image": "a.png"} for id in ids])
    with pytest.raises(SourceError, match=rf"3 rows: 2 \(it has {MAX_ID_CHARS + 1} characters.*, 3 \(.*, 4 \("):
        list(rows(table))


def test_a_file_whose_path_is_too_long_for_an_id_is_a_bad_row(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d" * 200] * 6)
    folder.mkdir(parents=True)
    for path in (folder / "a.png", tmp_path / "b\nc.png"):
        path.touch()
    whole, long = sorted(rows(tmp_path), key=lambda row: len(row.id))
    assert (whole.id, whole.problem) == ("b\nc", "")
    with pytest.raises(UnreadableImage, match=r"characters.*: move or rename"):
        read_image(long)


def test_a_link_to_itself_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("a.png")
    (row,) = rows(tmp_path)
    assert row.id == "a"
    with pytest.raises(UnreadableImage, match="cannot be read"):
        read_image(row)


def test_what_is_left_out_of_a_folder_gives_no_rows(tmp_path: Path) -> None:
    for name in ("a.png", "own/b.png", "own/deep/c.png", "owner.png", "CURRENT"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path)
    found = rows(tmp_path, without=[tmp_path / "link" / "own", tmp_path / "CURRENT"])
    assert [row.id for row in found] == ["a", "owner"]


@pytest.mark.parametrize(
    "cell", ['"x": {"y": 1}', '"x": Infinity', '"x": "\\ud800"', '"x": ["\\ud800"]', '"x\\ud800": 1', '"x": [["y"]]']
)
def test_a_value_that_no_attribute_can_hold_is_left_out_with_a_note(tmp_path: Path, cell: str) -> None:
    lines = [f'{{"id": "{id}", "image": "b", "price": 3, {cell}}}\n' for id in ("first", "second")]
    (tmp_path / "t.jsonl").write_text("".join(lines), encoding="utf-8")
    notes: list[str] = []
    assert [row.attributes for row in rows(tmp_path / "t.jsonl", note=notes.append)] == [{"price": 3}] * 2
    (note,) = notes
    assert note.startswith("2 values") and "'x" in note and "'first'" in note


def test_a_row_of_jsonl_that_lacks_its_image_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"id": "a"}\n{"id": "b", "image": "b.png"}\n{"id": "c", "image": null}\n')
    assert [(row.id, Path(row.image).name) for row in rows(tmp_path / "t.jsonl")] == [
        ("a", ""),
        ("b", "b.png"),
        ("c", ""),
    ]


def test_a_data_address_is_a_bad_row(tmp_path: Path) -> None:
    (row,) = rows(write_jsonl(tmp_path / "t.jsonl", [{"id": "a", "image": "data:image/png;base64," + "A" * 99_999}]))
    with pytest.raises(UnreadableImage, match="data: addresses are not read"):
        read_image(row)
    assert len(row.image) < 100


def test_a_url_as_the_source_is_refused_with_the_way_out() -> None:
    with pytest.raises(SourceError, match=r"is a URL: download"):
        list(rows("https://shop.example/feed.xml"))
