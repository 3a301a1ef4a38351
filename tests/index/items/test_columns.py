"""Attributes come back with their type, from a file as from memory, and a file that is not theirs is refused."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc

from index.items import attribute_file
from index.items.attribute_file import COUNT, CURRENT, VERSION
from index.items.attribute_types import AttributeTypes, common_type, convert, kind
from index.items.columns import FIRST_ROWS, Columns, GrowingColumns
from index.items.filters import mask, parse
from index.items.values import Scalar
from index.sources.cells import Value
from index.sources.feeds.cell_types import EMPTY_WORDS
from models.errors import GalleryBroken

Row = Mapping[str, Value]

SCALARS: list[Value] = [
    *(None, True, False, 1, 1.0, "1", "true", "null", "", " ", 0, 0.0, -0.0, 10**30, -(2**63), 5e-324, 1e308, 0.1),
    *('"', "\\", '\\"', "\n\t\x00\x7f\u2028", "naïve", "日本", "👗", "\U0010ffff", "e\u0301"),
    *([], ["x"], ["y", "x"], ["", "日本"]),
]
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
VALUES: st.SearchStrategy[Value] = (
    st.sampled_from(SCALARS)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.lists(TEXTS, max_size=3)
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "", "größe", "or"]), VALUES), max_size=12)


def written(path: Path, rows: Sequence[Row]) -> Columns:
    attribute_file.write(path, ((str(number), row) for number, row in enumerate(rows)))
    return attribute_file.read(path)


def grown(rows: Sequence[Row]) -> GrowingColumns:
    columns = GrowingColumns({})
    for row in rows:
        columns.append(row)
    return columns


def texts(columns: Columns) -> list[str]:
    """JSON tells 1 from 1.0 and true, which Python takes for equal."""
    return [json.dumps(columns.at(row), sort_keys=True) for row in range(len(columns))]


def expected(rows: Sequence[Row]) -> list[str]:
    """The naive oracle: the common type of each attribute, and every value converted to it.

    Words such as "null" count as empty if all other values are numbers or booleans.
    """
    converted: list[dict[str, Value]] = [{} for _ in rows]
    for name in {name for row in rows for name in row}:
        values = [row.get(name) for row in rows]
        others = [value for value in values if not isinstance(value, str)]
        if common_type(kind(value) for value in others if value not in (None, [])) in ("integer", "number", "boolean"):
            words = [value for value in values if isinstance(value, str)]
            if all(map(is_empty_word, words)):
                values = [None if isinstance(value, str) else value for value in values]
        type = common_type(kind(value) for value in values if value not in (None, []))
        for row, value in zip(converted, values, strict=True):
            if value not in (None, []):
                row[name] = convert(value, type)
    return [json.dumps(row, sort_keys=True) for row in converted]


def is_empty_word(text: str) -> bool:
    return text.strip().lower() in EMPTY_WORDS


def test_words_for_an_empty_cell_leave_numbers_numbers(tmp_path: Path) -> None:
    prices: list[Value] = [19.5, "N/A", 5, "", "null"]
    items = [(f"i{number}", {"price": price, "name": "NA"}) for number, price in enumerate(prices)]
    (note,) = attribute_file.write(tmp_path / "a.arrow", items)
    assert "'price'" in note and "'N/A'" in note and "'i1'" in note
    columns = attribute_file.read(tmp_path / "a.arrow")
    assert columns.types == {"price": "number", "name": "text"}
    assert [columns.at(row).get("price") for row in range(5)] == [19.5, None, 5.0, None, None]
    assert columns.at(1)["name"] == "NA"


def test_every_value_comes_back_as_it_was_given(tmp_path: Path) -> None:
    rows: list[Row] = [{f"only {number}": value} for number, value in enumerate(SCALARS)]
    columns = written(tmp_path / "a.arrow", rows)
    assert texts(columns) == texts(grown(rows)) == expected(rows)
    assert list(columns.types) == [f"only {number}" for number in range(len(SCALARS))]


@pytest.mark.slow
@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_rows_come_back_with_the_common_type_of_each_attribute(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    columns = written(tmp_path_factory.mktemp("columns") / "a.arrow", rows)
    assert len(columns) == len(rows)
    assert texts(columns) == expected(rows)
    assert list(columns.types) == list(dict.fromkeys(name for row in rows for name in row))
    for name in columns.types:
        column = columns.get(name)
        values = [column.values.value(code) for code in range(len(column.values))]
        assert all(column.values.code(value) == code for code, value in enumerate(values) if isinstance(value, Scalar))
        assert len({json.dumps(value) for value in values}) == len(values)
        assert column.has_missing == any(column.at(row) is None for row in range(len(rows)))


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_rows_that_are_appended_keep_the_types_that_there_are(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    types = written(tmp_path_factory.mktemp("columns") / "a.arrow", rows).types
    columns = GrowingColumns(types)
    for row in rows:
        columns.append(row)
    assert texts(columns) == expected(rows)
    assert columns.types == types


def test_a_value_that_its_attribute_cannot_hold_is_missing_in_a_change() -> None:
    columns = GrowingColumns({"price": "number", "new": "boolean"})
    columns.append({"price": "cheap", "new": True})
    columns.append({"price": 3, "size": "M"})
    columns.append({"size": ["M"]})
    assert texts(columns) == ['{"new": true}', '{"price": 3.0, "size": "M"}', "{}"]


def test_a_mix_is_reported_with_the_first_items(tmp_path: Path) -> None:
    rows: list[Row] = [{"price": None}, {"price": 1}, {"price": 2.5}, {"price": "on request"}, {"price": 3}]
    (note,) = attribute_file.write(tmp_path / "a.arrow", zip("abcde", rows, strict=True))
    for part in ("'price'", "integer (first in item 'b')", "number (first in item 'c')", "text (first in item 'd')"):
        assert part in note
    assert attribute_file.read(tmp_path / "a.arrow").get("price").at(4) == "3"
    (note,) = attribute_file.write(tmp_path / "a.arrow", [("a", {"ean": 10**20})])
    assert "'ean'" in note and "64 bits" in note
    assert attribute_file.write(tmp_path / "a.arrow", zip("abcde", rows[:3], strict=False)) == []


def test_rows_without_attributes_are_counted(tmp_path: Path) -> None:
    columns = written(tmp_path / "a.arrow", [{}, {}, {}])
    assert (len(columns), dict(columns.types), columns.at(2)) == (3, {}, {})
    growing = grown([{}, {}, {}, {"colour": "red"}])
    assert [growing.at(row) for row in range(4)] == [{}, {}, {}, {"colour": "red"}]
    assert len(written(tmp_path / "none.arrow", [])) == 0


def test_an_attribute_without_a_value_has_no_type_yet(tmp_path: Path) -> None:
    columns = written(tmp_path / "a.arrow", [{"price": None}])
    assert columns.types == {"price": None}


def test_a_known_attribute_stays_known_without_a_value(tmp_path: Path) -> None:
    known: AttributeTypes = {"sale": "boolean", "tags": "list of texts", "price": "text", "size": None}
    rows: list[Row] = [{"price": 1, "note": None}, {"price": 2.5}]
    attribute_file.write(tmp_path / "a.arrow", zip("ab", rows, strict=True), known)
    columns = attribute_file.read(tmp_path / "a.arrow")
    assert columns.types == dict(known) | {"price": "number", "note": None}
    assert columns.at(0) == {"price": 1}
    assert [columns.get(name).at(1) for name in columns.types] == [2.5, None, None, None, None]
    growing = GrowingColumns(columns.types)
    growing.append({"sale": 1, "tags": "wool", "size": 3})
    assert growing.at(0) == {"tags": ["wool"], "size": 3}  # 1 is no boolean
    assert growing.types == dict(columns.types) | {"size": "integer"}


def test_readers_are_not_disturbed_by_rows_that_are_appended() -> None:
    columns = GrowingColumns({})
    columns.append(row_of(0))
    wanted = parse({"third": 1, "number": {"gte": 50}, "tags": ["t1", "t2"]})
    done = threading.Event()

    def append() -> None:
        for number in range(1, 6000):
            columns.append(row_of(number))
        done.set()

    writer = threading.Thread(target=append)
    writer.start()
    try:
        seen = 0
        while not done.is_set() or not seen:
            count = len(columns)
            held = mask(wanted, columns, count)
            assert held.tolist() == [
                number % 3 == 1 and number >= 50 and number % 5 in (1, 2) for number in range(count)
            ]
            assert columns.at(count - 1) == row_of(count - 1)
            seen += 1
    finally:
        writer.join()
    assert texts(columns) == expected([row_of(number) for number in range(6000)])
    assert len(columns) > FIRST_ROWS


def row_of(number: int) -> dict[str, Value]:
    """New values in every row, and now and then a new attribute."""
    tags = [f"t{number % 5}", f"{number}"]
    row: dict[str, Value] = {"number": number, "name": f"row {number}", "third": number % 3, "tags": tags}
    return row | ({f"since {number}": True} if number % 500 == 0 else {})


def table(path: Path, *, codes: Sequence[int | None], values: Sequence[str | None], **facts: str) -> None:
    column = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(codes, pyarrow.int32()), pyarrow.array(values, pyarrow.large_string()), safe=False
    )
    metadata: dict[bytes | str, bytes | str] = {VERSION: CURRENT}
    metadata.update(facts.items())
    schema = pyarrow.schema([("a", column.type)], metadata=metadata)
    with ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pyarrow.record_batch([column], schema=schema))


def test_a_table_whose_parts_do_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    path, rows = tmp_path / "attributes.arrow", COUNT.decode()
    table(path, codes=[0, None], values=["x"], **{rows: "2"})
    assert [attribute_file.read(path).at(row) for row in range(2)] == [{"a": "x"}, {}]
    for codes, values, count in (
        ([0, 2], ["x", "y"], "2"),  # a code of no value
        ([0, -2], ["x", "y"], "2"),
        ([0, 1], ["x", None], "2"),
        ([0, 1], ["x", "y"], "3"),
        ([0, 1], ["x", "y"], "two"),
    ):
        table(path, codes=codes, values=values, **{rows: count})
        with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
            attribute_file.read(path)
    table(path, codes=[0], values=["x"])
    with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
        attribute_file.read(path)


def test_a_file_that_is_no_such_table_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "attributes.arrow"
    written(path, [{"a": "x", "b": 1}] * 20)
    whole = path.read_bytes()
    plain = pyarrow.table({"a": [1, 2]})
    metadata: list[dict[bytes | str, bytes | str]] = [{COUNT: b"2"}, {COUNT: b"2", VERSION: CURRENT}]
    for facts in metadata:
        with ipc.new_file(str(tmp_path / f"{len(facts)}.arrow"), plain.schema.with_metadata(facts)) as writer:
            writer.write_table(plain)
    for data in (
        b"",
        b"no table",
        whole[:-1],
        whole[: len(whole) // 2],
        whole[8:],
        (tmp_path / "1.arrow").read_bytes(),
        (tmp_path / "2.arrow").read_bytes(),
    ):
        path.write_bytes(data)
        with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
            attribute_file.read(path)
    path.unlink()
    with pytest.raises(GalleryBroken, match=r"attributes\.arrow .*rebuild the gallery"):
        attribute_file.read(path)
