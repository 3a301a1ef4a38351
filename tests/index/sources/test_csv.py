"""The columns of a CSV table: numbers are numbers, codes keep every letter, and words for an empty cell are empty."""

import gzip
from pathlib import Path

import pytest

from index.sources.cells import Value
from index.sources.rows import rows
from models.errors import SourceError
from tests.index.sources.test_rows import write_csv


def test_article_numbers_stay_exact_in_csv(tmp_path: Path) -> None:
    columns: dict[str, tuple[list[str], list[Value]]] = {
        "long": (["12345678901234567890", "7"], ["12345678901234567890", "7"]),
        "whole": (["9007199254740992", "-7"], [2**53, -7]),
        "ean": (["123456789012345678", "-7"], ["123456789012345678", "-7"]),
        "coordinate": (["-0", "13.404953999999999"], [-0.0, 13.404953999999999]),
        "price": (["10", "9.5"], [10.0, 9.5]),
        "small": (["1e-3", "2"], [0.001, 2.0]),
        "code": (["12E4", "1204"], ["12E4", "1204"]),
        "mixed": (["123456789012345678", "9.5"], ["123456789012345678", "9.5"]),  # no float holds the first
    }
    records = [
        {"id": str(row), "image": "a.png", **{name: cells[row] for name, (cells, _) in columns.items()}}
        for row in range(2)
    ]
    found = list(rows(write_csv(tmp_path / "t.csv", records)))
    for name, (_, expected) in columns.items():
        values = [row.attributes[name] for row in found]
        assert values == expected, name
        assert [type(value) for value in values] == [type(value) for value in expected], name


@pytest.mark.parametrize(
    ("cells", "values", "noted"),
    [
        (["19.5", "NA", "5"], [19.5, None, 5.0], "'NA' (row 2)"),
        (["7", " n/a ", "-", ""], [7, None, None, None], "'n/a' (row 2)"),
        (["true", "None", "false"], [True, None, False], "'None' (row 2)"),
        ([" 3", "4 "], [3, 4], ""),
        (["NA", "n/a"], [None, None], "'NA' (row 1)"),
        (["NA", "FR"], ["NA", "FR"], ""),
        (["5", "sold out", "7"], ["5", "sold out", "7"], "'sold out' in row 2"),
        (["1.299,00 €", "19,50 €"], [1299.0, 19.5], ""),
        (["EUR 20", "sold out", "EUR 3"], ["EUR 20", "sold out", "EUR 3"], "'EUR 20' in row 1"),
        (["007", "12", "x"], ["007", "12", "x"], "'007' in row 1"),
        (["12E4", "7E12", "1204"], ["12E4", "7E12", "1204"], ""),
        (["4006381333931", "0012345678905"], ["4006381333931", "0012345678905"], "'0012345678905' in row 2"),
        (["2024-05-01", "2024-05-02"], ["2024-05-01", "2024-05-02"], ""),
        (["A12", "B13"], ["A12", "B13"], ""),
    ],
)
def test_a_csv_column_of_numbers_may_have_words_for_empty_cells(
    tmp_path: Path, cells: list[str], values: list[Value], noted: str
) -> None:
    records = [{"id": str(number), "image": "a.png", "x": cell} for number, cell in enumerate(cells)]
    notes: list[str] = []
    read = [row.attributes["x"] for row in rows(write_csv(tmp_path / "t.csv", records), note=notes.append)]
    assert read == values and [type(value) for value in read] == [type(value) for value in values]
    assert len(notes) == bool(noted) and all(noted in note and "'x'" in note for note in notes)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("declared", [False, True])
def test_columns_may_be_separated_by_other_marks(tmp_path: Path, mark: str, quote: str, declared: bool) -> None:
    cells = (("id", "image", "title", "price"), ("a", "a.png", "red: new", "9.5"))
    header, line = (mark.join(f"{quote}{cell}{quote}" for cell in row) for row in cells)
    start = f"sep={mark}\r\n" if declared else ""
    (tmp_path / "t.csv").write_text(f"{start}{header}\r\n{line}\r\n", encoding="utf-8-sig", newline="")
    (row,) = rows(tmp_path / "t.csv")
    assert (row.id, row.attributes) == ("a", {"title": "red: new", "price": 9.5})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", 'id, image ,größe\n\na, a.png ,"L, XL"\n,,\n  \n'.encode()),  # spaces, rows without a cell
        ("t.csv", '\ufeffid,image,größe,\r\na,a.png,"L, XL",\r\n'.encode()),  # a column without a name
        ("t.csv", "id\timage\tgröße\r\na\ta.png\tL, XL\r\n".encode("utf-16")),  # as Excel's Unicode text
        ("T.CSV", "id;image;größe\ra;a.png;L, XL\r".encode()),  # lines that end as on old Macs
        ("t.tsv", "id\timage\tgröße\na\ta.png\tL, XL\t\n".encode()),  # a separator too many
        ("t.csv.gz", gzip.compress('id,image,größe\na,a.png,"L, XL"\n'.encode(), mtime=0)),
        ("t.jsonl.gz", gzip.compress('{"id": "a", "image": "a.png", "größe": "L, XL"}\n'.encode(), mtime=0)),
        ("t.ndjson", '{"id": "a", "image": " a.png", "größe": "L, XL"}\n'.encode()),
    ],
)
def test_a_table_of_another_program_gives_the_same_row(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    notes: list[str] = []
    (row,) = rows(tmp_path / name, note=notes.append)
    assert (row.id, row.image, row.attributes) == ("a", str(tmp_path.resolve() / "a.png"), {"größe": "L, XL"})
    assert notes == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_a_table_in_the_encoding_of_another_program_is_read(tmp_path: Path, encoding: str, mark: str) -> None:
    lines = (" ID ", "Image", "Größe"), ("ä1", "a.png", "Rød kjole, été")
    text = "".join(mark.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    notes: list[str] = []
    (row,) = rows(tmp_path / "t.csv", note=notes.append)
    assert (row.id, row.attributes) == ("ä1", {"Größe": "Rød kjole, été"})
    western = encoding in ("cp1252", "latin-1")
    assert [("Windows-1252" in note and "Größe" in note) for note in notes] == [True] * western


def test_cells_in_a_column_without_a_name_are_noted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",id,image,price\n0,a,a.png,3\n1,b,b.png,4\n")
    notes: list[str] = []
    assert [row.attributes for row in rows(tmp_path / "t.csv", note=notes.append)] == [{"price": 3}, {"price": 4}]
    (note,) = notes
    assert "column 1 " in note


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("t.csv", b"id,image\na\0,a.png\n", "has zero bytes"),
        ("t.csv", b"id,image,x\na,a.png,\x81\n", "is not UTF-8"),  # Windows-1252 has no such byte
        ("t.csv", "id,image,x\na,a.png,Größe für Röcke ".encode() + b"\xfc\n", "is not UTF-8"),  # but for one letter
        ("t.csv", b"id;image;price\na;a.png;1;2\n", "row 1 has 4 cells for 3 columns, which ';'"),
        ("t.csv", b"id,image,price\na,a.png\n", "row 1 has 2 cells for 3 columns, .*empty cells"),
        ("t.csv", b"id,image,size,size\na,a.png,1,2\n", "a column twice, 'size'"),
        ("t.csv.gz", gzip.compress(b"id,image\na,a.png\n", mtime=0)[:-9], "is not a whole gzip file"),
        ("t.jsonl.gz", b"id,image", "is not a whole gzip file"),
        ("t.parquet.gz", b"", "the suffix '.gz'"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, name: str, data: bytes, match: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=match):
        list(rows(tmp_path / name))


def test_a_long_text_is_an_attribute_and_one_without_end_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"id,image,text\na,a.png,{'x' * 200_000}\nb,b.png,{'x' * 1_100_000}\n")
    notes: list[str] = []
    long, endless = rows(tmp_path / "t.csv", note=notes.append)
    assert len(str(long.attributes["text"])) == 200_000
    assert endless.attributes == {}
    (note,) = notes
    assert "'text'" in note and "'b'" in note


def test_an_uploaded_table_is_not_named_by_its_digest(tmp_path: Path) -> None:
    table = tmp_path / "tables" / f"{'0a' * 32}.csv"
    table.parent.mkdir()
    table.write_text("SKU,image\na,a.png\n")
    with pytest.raises(SourceError, match=r"^uploaded table\.csv has no column 'id'"):
        list(rows(table))
    table.write_text("id,image\n")
    with pytest.raises(SourceError, match=r"^uploaded table\.csv has no rows"):
        list(rows(table))
