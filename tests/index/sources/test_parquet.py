"""Parquet tables: their types become text and numbers, and what is damaged or no attribute is refused."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

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
    ("column", "match"),
    [
        (pyarrow.array([[1, 2]]), "column 'x' is a list<.*>: .*leave the column out"),
        (pyarrow.array([{"y": 1}]), "column 'x' is a struct<.*>: .*leave the column out"),
        (pyarrow.array([b"\xff"]), "column 'x' holds a bytes"),
        (pyarrow.array([10**7], pyarrow.int32()).cast(pyarrow.date32()), "column 'x' .*out of range.*as text"),
        (pyarrow.array([1]).cast(pyarrow.timestamp("us", "No/Where")), "column 'x' .*as text"),
    ],
)
def test_a_parquet_column_that_is_no_attribute_is_refused_by_name(
    tmp_path: Path, column: pyarrow.Array, match: str
) -> None:
    parquet.write_table(pyarrow.table({"id": ["a"], "image": ["a.png"], "x": column}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=match):
        list(rows(tmp_path / "t.parquet"))


def test_a_missing_number_of_a_data_frame_is_none_and_a_whole_number_is_an_id(tmp_path: Path) -> None:
    table = pyarrow.table({"id": [7], "image": ["a.png"], "price": [float("nan")]})
    parquet.write_table(table, tmp_path / "t.parquet")
    (row,) = rows(tmp_path / "t.parquet")
    assert row.id == "7"
    assert row.attributes == {"price": None}
