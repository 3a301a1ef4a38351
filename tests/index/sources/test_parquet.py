"""Parquet tables: their types become text and numbers, and what is damaged or no attribute is refused."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pyarrow
import pytest
from pyarrow import parquet

from index.sources.cells import Value
from index.sources.rows import rows
from models.errors import SourceError


def test_a_damaged_parquet_table_is_not_said_to_lack_utf8(tmp_path: Path) -> None:
    records = [{"id": f"{number}", "image": f"{number * 7919}.png"} for number in range(1000)]
    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(records), path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:40] + b"\xff" * 400 + whole[440:]):
        path.write_bytes(damaged)
        with pytest.raises(SourceError, match=r"is not a whole Parquet table .*write or copy it again"):
            list(rows(path))


def test_dates_and_decimals_of_parquet_become_iso_text_and_numbers(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "id": ["a", "b"],
            "image": ["a.png", "b.png"],
            "day": [date(2024, 5, 1), None],
            "moment": [datetime(2024, 5, 1, 12, 30, tzinfo=UTC), None],
            "exact": pyarrow.array([1_714_566_600_000_000_001, None], pyarrow.timestamp("ns")),
            "opens": [time(9, 30), None],
            "closes": pyarrow.array([1001, None], pyarrow.time64("ns")),
            "price": [Decimal("9.50"), None],
            "colour": pyarrow.array(["red", None]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    first, second = rows(tmp_path / "t.parquet")
    assert first.attributes == {
        "day": "2024-05-01",
        "moment": "2024-05-01T12:30:00+00:00",
        "exact": "2024-05-01T12:30:00",
        "opens": "09:30:00",
        "closes": "00:00:00.000001",
        "price": 9.5,
        "colour": "red",
    }
    assert set(second.attributes.values()) == {None}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pyarrow.array([[36, 37.5]]), ["36.0", "37.5"]),
        (pyarrow.array([[True, None]]), ["true"]),
        (pyarrow.array([90], pyarrow.duration("s")), 90.0),
        (pyarrow.array([1]).cast(pyarrow.timestamp("us", "No/Where")), "1970-01-01T00:00:00.000001"),
        (pyarrow.array([10**7], pyarrow.int32()).cast(pyarrow.date32()), "29349-01-26"),
        (pyarrow.array(["größe".encode()]), "größe"),  # as Impala and older Spark write texts
        (pyarrow.array([Decimal(12345678901234567890)]), 12345678901234567890),
        (pyarrow.array([Decimal("19.990000000000")]), 19.99),
        (pyarrow.array([UUID(int=7)], pyarrow.uuid()), "00000000-0000-0000-0000-000000000007"),
        (pyarrow.array([1.5], pyarrow.float16()), 1.5),
    ],
)
def test_odd_columns_of_parquet_become_text_or_numbers(tmp_path: Path, column: pyarrow.Array, value: Value) -> None:
    parquet.write_table(pyarrow.table({"id": ["a"], "image": ["a.png"], "x": column}), tmp_path / "t.parquet")
    (row,) = rows(tmp_path / "t.parquet")
    assert row.attributes == {"x": value}


@pytest.mark.parametrize(
    "column",
    [pyarrow.array([{"y": 1}]), pyarrow.array([b"\xff"]), pyarrow.array([[[1]]]), pyarrow.array([float("inf")])],
)
def test_a_value_that_is_no_attribute_is_left_out_with_a_note(tmp_path: Path, column: pyarrow.Array) -> None:
    parquet.write_table(pyarrow.table({"id": ["a"], "image": ["a.png"], "x": column}), tmp_path / "t.parquet")
    notes: list[str] = []
    (row,) = rows(tmp_path / "t.parquet", note=notes.append)
    assert row.attributes == {}
    (note,) = notes
    assert "'x'" in note and "'a'" in note


@pytest.mark.parametrize("ids", [[7.0, 8.0], [Decimal(7), Decimal(8)], ["7", "8"], [b"7", b"8"]])
def test_ids_of_other_types_are_read_as_text(tmp_path: Path, ids: list[object]) -> None:
    parquet.write_table(pyarrow.table({"id": ids, "image": [b"a.png", None]}), tmp_path / "t.parquet")
    first, second = rows(tmp_path / "t.parquet")
    assert (first.id, first.image) == ("7", str(tmp_path.resolve() / "a.png"))
    assert (second.id, second.image) == ("8", "")


def test_a_missing_number_of_a_data_frame_is_none_and_a_whole_number_is_an_id(tmp_path: Path) -> None:
    table = pyarrow.table({"id": [7], "image": ["a.png"], "price": [float("nan")]})
    parquet.write_table(table, tmp_path / "t.parquet")
    (row,) = rows(tmp_path / "t.parquet")
    assert row.id == "7"
    assert row.attributes == {"price": None}
