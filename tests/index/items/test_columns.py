"""Attributes come back as they were given, from a file as from memory, and a file that is not theirs is refused."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc

from index.items import columns as attribute_columns
from index.items.columns import COUNT, KIND, Columns
from index.items.filters import mask, parse
from index.sources.rows import Value
from models.errors import GalleryBroken, InputError

Row = Mapping[str, Value]

SCALARS: list[Value] = [
    *(None, True, False, 1, 1.0, "1", "true", "null", "", " ", 0, 0.0, -0.0, 10**30, -(2**63), 5e-324, 1e308, 0.1),
    *('"', "\\", '\\"', "\n\t\x00\x7f\u2028", "naïve", "日本", "👗", "\U0010ffff", "e\u0301"),
]
VALUES = (
    st.sampled_from(SCALARS) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "", "größe", "or"]), VALUES), max_size=12)


def written(folder: Path, rows: Sequence[Row]) -> Columns:
    attribute_columns.write(folder / "attributes.arrow", rows)
    return Columns.open(folder / "attributes.arrow")


def texts(columns: Columns) -> list[str]:
    """What tells 1 from 1.0 and true, which Python takes for equal."""
    return [json.dumps(columns.at(row), sort_keys=True) for row in range(len(columns))]


def expected(rows: Sequence[Row]) -> list[str]:
    kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return [json.dumps(row, sort_keys=True) for row in kept]


def test_every_scalar_comes_back_as_it_was_given(tmp_path: Path) -> None:
    rows: list[Row] = [{"value": value, f"only {number}": value} for number, value in enumerate(SCALARS)]
    columns = written(tmp_path, rows)
    assert texts(columns) == texts(Columns.of(rows)) == expected(rows)
    assert columns.names == ["value", *(f"only {number}" for number in range(len(SCALARS)))]


def appended(folder: Path, rows: list[Row], cut: int) -> Columns:
    """The first rows of a file, the others appended."""
    grown = written(folder, rows[:cut])
    for row in rows[cut:]:
        grown.append(row)
    return grown


@pytest.mark.slow
@given(ROWS, st.data())
@settings(deadline=None, max_examples=50)
def test_rows_that_are_appended_read_as_rows_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    grown = appended(folder, rows, data.draw(st.integers(0, len(rows))))
    (folder / "whole").mkdir()
    whole = written(folder / "whole", rows)
    assert len(grown) == len(whole) == len(rows)
    assert texts(grown) == texts(whole) == expected(rows)
    assert grown.names == whole.names == list(dict.fromkeys(name for row in rows for name in row))
    for name in whole.names:
        assert [grown.column(name).at(row) for row in range(len(rows))] == [row.get(name) for row in rows]
        distinct = [json.dumps(value) for value in grown.column(name).distinct()]
        assert len(distinct) == len(set(distinct))
        assert set(distinct) >= {json.dumps(row.get(name)) for row in rows}


@given(ROWS.filter(bool), st.data())
@settings(deadline=None, max_examples=30)
def test_chosen_rows_are_saved_as_if_they_alone_had_been_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    grown = appended(folder, rows, data.draw(st.integers(0, len(rows))))
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    grown.save(folder / "saved.arrow", np.array(chosen, np.int64))
    saved = Columns.open(folder / "saved.arrow")
    assert texts(saved) == expected([rows[row] for row in chosen])
    for name in saved.names:
        distinct = [json.dumps(value) for value in saved.column(name).distinct()]
        assert sorted(distinct) == sorted({json.dumps(rows[row].get(name)) for row in chosen})


def test_rows_without_attributes_are_counted(tmp_path: Path) -> None:
    columns = written(tmp_path, [{}, {}, {}])
    assert (len(columns), columns.names, columns.at(2)) == (3, [], {})
    columns.append({"colour": "red"})
    assert [columns.at(row) for row in range(4)] == [{}, {}, {}, {"colour": "red"}]
    (tmp_path / "none").mkdir()
    assert len(written(tmp_path / "none", [])) == 0


def test_a_column_of_more_values_than_are_remembered_reads_right_twice(tmp_path: Path) -> None:
    rows = [{"number": number / 7} for number in range(3 * attribute_columns.REMEMBERED)]
    columns = written(tmp_path, rows)
    for _ in range(2):
        assert [columns.at(row) for row in range(len(rows))] == rows


def test_an_unknown_attribute_is_refused_with_those_that_there_are() -> None:
    columns = Columns.of([{"price": 1}, {"colour": "red"}])
    with pytest.raises(InputError, match=r"no item has the attribute 'prize': name one of 'price', 'colour'$"):
        columns.column("prize")
    with pytest.raises(InputError, match=r"no item has the attribute 'prize': the gallery's items have no attributes"):
        Columns.of([{}]).column("prize")
    with pytest.raises(InputError, match=r"'a 49'…$"):
        Columns.of([{f"a {number:02d}": 1 for number in range(200)}]).column("prize")


def test_a_reader_is_not_disturbed_by_rows_that_are_appended_meanwhile(tmp_path: Path) -> None:
    columns = written(tmp_path, [row_of(number) for number in range(100)])
    wanted = parse({"third": 1, "number": {"gte": 50}})
    done = threading.Event()

    def append() -> None:
        for number in range(100, 6000):
            columns.append(row_of(number))
        done.set()

    writer = threading.Thread(target=append)
    writer.start()
    try:
        seen = 0
        while not done.is_set() or not seen:
            count = len(columns)
            held = mask(wanted, columns, count)
            assert held.tolist() == [number % 3 == 1 and number >= 50 for number in range(count)]
            assert columns.at(count - 1) == row_of(count - 1)
            seen += 1
    finally:
        writer.join()
    assert texts(columns) == expected([row_of(number) for number in range(6000)])


def row_of(number: int) -> dict[str, Value]:
    """New values in every row, and now and then a new attribute."""
    row: dict[str, Value] = {"number": number, "name": f"row {number}", "third": number % 3}
    return row | ({f"since {number}": True} if number % 500 == 0 else {})


def table(path: Path, *, codes: Sequence[int | None], values: Sequence[str | None], **facts: str) -> None:
    column = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(codes, pyarrow.int32()), pyarrow.array(values, pyarrow.large_string()), safe=False
    )
    schema = pyarrow.schema([("a", KIND)], metadata=facts)
    with ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pyarrow.record_batch([column], schema=schema))


def test_a_table_whose_parts_do_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    path, rows = tmp_path / "attributes.arrow", COUNT.decode()
    table(path, codes=[0, 1], values=['"x"', "1"], **{rows: "2"})
    assert Columns.open(path).at(1) == {"a": 1}
    for codes, values, count in (
        ([0, 2], ['"x"', "1"], "2"),  # a code of no value
        ([0, -1], ['"x"', "1"], "2"),
        ([0, None], ['"x"', "1"], "2"),
        ([0, 1], ['"x"', None], "2"),
        ([0, 1], ['"x"', "1"], "3"),
        ([0, 1], ['"x"', "1"], "two"),
    ):
        table(path, codes=codes, values=values, **{rows: count})
        with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
            Columns.open(path)
    table(path, codes=[0], values=['"x"'])
    with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
        Columns.open(path)


def test_a_file_that_is_no_such_table_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "attributes.arrow"
    attribute_columns.write(path, [{"a": "x", "b": 1}] * 20)
    whole = path.read_bytes()
    plain = pyarrow.table({"a": [1, 2]}).replace_schema_metadata({COUNT: b"2"})
    with ipc.new_file(str(tmp_path / "plain.arrow"), plain.schema) as writer:
        writer.write_table(plain)
    for data in (
        b"",
        b"no table",
        whole[:-1],
        whole[: len(whole) // 2],
        whole[8:],
        (tmp_path / "plain.arrow").read_bytes(),
    ):
        path.write_bytes(data)
        with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
            Columns.open(path)
    path.unlink()
    with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
        Columns.open(path)
