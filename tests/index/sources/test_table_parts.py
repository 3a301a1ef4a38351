"""A folder of nothing but tables is one table, here or in a store, whatever each part lacks."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import fsspec
import pyarrow
import pytest
from pyarrow import parquet

from index.sources.cells import Value
from index.sources.rows import rows
from models.errors import SourceError
from tests.index.sources.test_rows import write_csv


def part(path: Path, columns: Mapping[str, Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(dict(columns)), path)


def spark(folder: Path) -> Path:
    """Parts as Spark writes them: a column that the first lacks, keys in names of folders, and its own files."""
    part(folder / "shelf=007/brand=Fj%C3%B8rd/part-0.parquet", {"id": ["a"], "image": ["images/a.png"], "price": [9]})
    part(
        folder / "shelf=008/brand=__HIVE_DEFAULT_PARTITION__/part-0.parquet",
        {"id": ["b"], "image": ["images/b.png"], "price": [9.5], "colour": ["red"]},
    )
    for name in ("_SUCCESS", ".part-0.parquet.crc", "_delta_log/00.json", "_temporary/0/part-1.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


EXPECTED: list[Mapping[str, Value]] = [
    {"price": 9, "shelf": "007", "brand": "Fjørd"},
    {"price": 9.5, "colour": "red", "shelf": "008", "brand": None},
]


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    folder = spark(tmp_path / "products.parquet")
    read = list(rows(folder))
    assert [(row.id, row.image) for row in read] == [
        (id, str(tmp_path.resolve() / f"images/{id}.png")) for id in ("a", "b")
    ]
    assert [row.attributes for row in read] == EXPECTED
    (folder / "shelf=008/part-9.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"shelf=008/part-9.parquet is not a whole Parquet table"):
        list(rows(folder))


def test_a_folder_of_parquet_files_in_a_store_is_one_table(tmp_path: Path) -> None:
    store = f"memory://{tmp_path.name}/products.parquet"
    fsspec.filesystem("memory").put(f"{spark(tmp_path / 'products.parquet')}/", f"{store}/", recursive=True)
    read = list(rows(store))
    assert [row.attributes for row in read] == EXPECTED
    assert read[0].image == f"memory://{tmp_path.name}/images/a.png"


def test_parts_may_be_of_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    write_csv(tmp_path / "feed/part-0.csv", [{"id": "a", "image": "a.png", "size": "40"}])
    (tmp_path / "feed/part-1.csv").touch()  # a part without rows
    (tmp_path / "feed/part-2.jsonl.gz").write_bytes(gzip.compress(b'{"id": "b", "image": "b.png", "size": "M"}'))
    assert [(row.id, row.attributes) for row in rows(tmp_path / "feed")] == [("a", {"size": 40}), ("b", {"size": "M"})]


def test_an_image_beside_tables_makes_a_folder_of_images(tmp_path: Path) -> None:
    write_csv(tmp_path / "products.csv", [{"id": "a", "image": "hat.png"}])
    (tmp_path / "hat.png").touch()
    notes: list[str] = []
    assert [row.id for row in rows(tmp_path, note=notes.append)] == ["hat", "products.csv"]
    (note,) = notes
    assert "products.csv" in note


def test_documents_beside_tables_are_left_out_with_a_note(tmp_path: Path) -> None:
    part(tmp_path / "part-0.parquet", {"id": ["a"], "image": ["a.png"]})
    (tmp_path / "README.txt").write_text("The shop's products.")
    notes: list[str] = []
    assert [row.id for row in rows(tmp_path, note=notes.append)] == ["a"]
    (note,) = notes
    assert "README.txt" in note


def test_keys_are_numbers_only_if_every_folder_has_one(tmp_path: Path) -> None:
    for number, (code, year) in enumerate([("007", "2023"), ("12", "2024")]):
        part = tmp_path / f"code={code}/year={year}/part-0.parquet"
        part.parent.mkdir(parents=True)
        parquet.write_table(pyarrow.table({"id": [str(number)], "image": ["a.png"]}), part)
    assert [row.attributes for row in rows(tmp_path)] == [{"code": "007", "year": 2023}, {"code": "12", "year": 2024}]


def test_floats_of_32_bits_read_as_they_were_written(tmp_path: Path) -> None:
    prices = pyarrow.array([19.99, 0.1, None], pyarrow.float32())
    table = tmp_path / "products.parquet"
    parquet.write_table(pyarrow.table({"id": ["a", "b", "c"], "image": ["a.png"] * 3, "price": prices}), table)
    assert [row.attributes["price"] for row in rows(table)] == [19.99, 0.1, None]
