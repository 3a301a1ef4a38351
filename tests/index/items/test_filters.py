"""A filter holds for the rows that a plain evaluation finds, and one that cannot be meant is refused by its place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.items import attribute_file
from index.items.attribute_types import AttributeTypes
from index.items.columns import Columns, GrowingColumns
from index.items.filters import DEEPEST, All, In, Range, mask, names, parse
from index.sources.cells import Value
from models.errors import InputError
from tests.index.naive_filters import holds

NAMES = ["a", "b", "größe", "or", "attribute"]
RESERVED = ("and", "or", "not", "attribute")

NUMBERS = [0, -0.0, 1, 1.0, -1, 0.5, 2**53, 2**53 + 1, 2.0**53, 2**53 + 2, -(2**53) - 1, 10**25, 1e25, 1e308, 10**400]
NUMBERS += [10**400 + 1, -(10**400), 5e-324]
TEXTS = ["", "1", "a", "A", "ab", 'a"', "a\\", "a\n", "a!", "é", "e\u0301", "\uffff", "\U0001f457", "true", "null"]
TEXTS += ["2026-01-31", "2026-02-01T10:00:00"]
SCALARS = st.sampled_from([None, True, False, *NUMBERS, *TEXTS])
BOUNDS = st.sampled_from(NUMBERS), st.sampled_from(TEXTS)
WHOLE = st.sampled_from([number for number in NUMBERS if isinstance(number, int) and abs(number) < 2**63])
KINDS = (
    st.sampled_from([None, True, False]),
    st.none() | WHOLE,
    st.none() | st.sampled_from([float(number) for number in NUMBERS if abs(number) < 1e308]),
    st.none() | st.sampled_from(TEXTS),
    st.none() | st.lists(st.sampled_from(TEXTS), max_size=4),
    SCALARS,
)


@st.composite
def typed_rows(draw: st.DrawFn) -> list[dict[str, Value]]:
    """Rows whose attributes have one kind of value each, or mixed ones."""
    kinds = {name: draw(st.sampled_from(KINDS)) for name in NAMES}
    return draw(st.lists(st.fixed_dictionaries({}, optional=kinds), max_size=25))


ROWS = typed_rows()

RANGES = st.one_of(
    *(st.dictionaries(st.sampled_from(["gte", "gt", "lte", "lt"]), each, min_size=1, max_size=3) for each in BOUNDS)
)
WANTED = st.recursive(
    SCALARS | st.lists(SCALARS, min_size=1, max_size=5) | RANGES,
    lambda wanted: st.builds(lambda part, rest: {**rest, "not": part}, wanted, st.just({}) | RANGES),
    max_leaves=3,
)


def named(name: str, wanted: object) -> dict[str, object]:
    return {"attribute": {"name": name, "is": wanted}} if name in RESERVED else {name: wanted}


FILTERS = st.recursive(
    st.builds(named, st.sampled_from(NAMES), WANTED) | st.dictionaries(st.sampled_from(["a", "b"]), WANTED),
    lambda filters: (
        st.dictionaries(st.sampled_from(["and", "or"]), st.lists(filters, min_size=1, max_size=3))
        | st.builds(lambda part, rest: {**rest, "not": part}, filters, filters)
    ),
    max_leaves=6,
)


@pytest.mark.slow
@given(ROWS, FILTERS, st.data())
@settings(deadline=None, max_examples=150)
def test_the_mask_is_what_a_plain_evaluation_of_every_row_finds(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Value]],
    filter: dict[str, object],
    data: st.DataObject,
) -> None:
    rows = [*rows, dict.fromkeys(NAMES)]
    count = data.draw(st.integers(0, len(rows)))
    columns = written(tmp_path_factory.mktemp("filters") / "attributes.arrow", rows)
    as_typed = [columns.at(row) for row in range(len(rows))]
    expected = [holds(filter, row) for row in as_typed[:count]]
    for part in (columns, grown(rows, columns.types)):
        held = mask(parse(filter), part, count)
        assert held.dtype == np.bool_
        assert held.tolist() == expected


def written(path: Path, rows: list[dict[str, Value]]) -> Columns:
    attribute_file.write(path, ((str(number), row) for number, row in enumerate(rows)))
    return attribute_file.read(path)


def grown(rows: Sequence[Mapping[str, Value]], types: AttributeTypes = MappingProxyType({})) -> Columns:
    columns = GrowingColumns(types)
    for row in rows:
        columns.append(row)
    return columns


def test_a_list_is_found_by_each_of_its_texts() -> None:
    columns = grown([{"tags": ["red", "wool"]}, {"tags": ["red"]}, {"tags": []}, {}])
    for filter, expected in (
        ({"tags": "red"}, [True, True, False, False]),
        ({"tags": ["wool", "silk"]}, [True, False, False, False]),
        ({"tags": {"not": "wool"}}, [False, True, True, True]),
        ({"tags": None}, [False, False, True, True]),
        ({"tags": {"gte": "s"}}, [True, False, False, False]),
        ({"tags": 1}, [False, False, False, False]),
    ):
        assert mask(parse(filter), columns, 4).tolist() == expected, filter


@given(FILTERS, FILTERS, ROWS)
@settings(deadline=None, max_examples=50)
def test_equal_filters_say_the_same_of_every_row(
    first: dict[str, object], second: dict[str, object], rows: list[dict[str, Value]]
) -> None:
    one, other = parse(first), parse(second)
    if one == other:
        assert [holds(first, row) for row in rows] == [holds(second, row) for row in rows]
    assert parse({"or": [first, second]}) == parse({"or": [second, first, second]})
    assert hash(parse(dict(reversed(first.items())))) == hash(one)


def test_the_form_is_canonical_and_tells_kinds_apart() -> None:
    assert parse({"a": [2, 1, 1.0]}) == parse({"a": [1, 2]}) == In("a", ("1", "2"))
    assert parse({"a": -0.0}) == parse({"a": 0})
    assert len({parse({"a": value}) for value in (1, True, "1", "true", None, "null", [1, True])}) == 7
    assert parse({"a": {"lt": 5, "gte": 1}}) == parse({"a": {"gte": 1.0, "lt": 5}})
    assert parse({"a": {"lt": 5, "gte": 1}}) == Range("a", (("gte", 1), ("lt", 5)))
    assert parse({}) == All(())
    assert parse({"and": [{"a": 1}]}) == parse({"a": [1]})


def test_the_example_of_the_documentation_finds_what_it_says() -> None:
    dress: dict[str, Value] = {"category": "dress", "colour": "red", "price": 10, "brand": "Other"}
    others: list[dict[str, Value]] = [
        {**dress, "price": 50.0},
        {**dress, "price": None},
        {**dress, "colour": "green"},
        {**dress, "brand": "Acme"},
        {**dress, "sale": False},
    ]
    columns = grown([dress, *others, {**dress, "brand": None}])
    wanted = parse(
        {
            "category": "dress",
            "colour": ["red", "blue"],
            "price": {"gte": 10, "lt": 50},
            "brand": {"not": "Acme"},
            "sale": None,
        }
    )
    assert np.flatnonzero(mask(wanted, columns, len(columns))).tolist() == [0, 6]


def test_an_attribute_that_no_row_has_is_missing_in_all() -> None:
    columns = grown([{"price": 1}, {"price": 2}])
    assert mask(parse({"prize": None}), columns, 2).tolist() == [True, True]
    assert mask(parse({"prize": {"gte": 1}}), columns, 2).tolist() == [False, False]
    assert mask(parse({"prize": {"not": 3}}), columns, 2).tolist() == [True, True]


def test_a_filter_names_all_attributes_that_it_asks_for() -> None:
    filter = parse({"a": 1, "or": [{"b": {"gte": 2}}, {"not": {"c": None, "d": ["x", "y"]}}]})
    assert names(filter) == {"a", "b", "c", "d"}


def nested(depth: int) -> dict[str, object]:
    filter: dict[str, object] = {"a": 1}
    for _ in range(depth - 1):
        filter = {"not": filter}
    return filter


def denied(depth: int) -> dict[str, object]:
    wanted: object = 1
    for _ in range(depth - 1):
        wanted = {"not": wanted}
    return {"a": wanted}


def test_the_limits_are_as_they_say() -> None:
    assert mask(parse(nested(DEEPEST)), grown([{"a": 1}]), 1).tolist() == [DEEPEST % 2 == 1]
    assert mask(parse(denied(DEEPEST)), grown([{"a": 1}]), 1).tolist() == [DEEPEST % 2 == 1]


HALF = "\ud83d"


@pytest.mark.parametrize(
    ("filter", "sentence"),
    [
        (["a"], "filter is an array: give an object with attributes and what they must be"),
        (None, "filter is null: give an object"),
        ("a", "filter is a text: give an object"),
        ({"and": {"a": 1}}, "filter.and is an object: give an array of at least one filter"),
        ({"or": []}, "filter.or is an empty array: give an array of at least one filter"),
        ({"or": [{"a": 1}, 2]}, r"filter.or\[1\] is a number: give an object"),
        ({"not": [{"a": 1}]}, "filter.not is an array: give an object"),
        ({"a": []}, "filter.a is an empty array: give at least one value, or leave it out"),
        ({"a": ["x", ["y"]]}, r"filter.a\[1\] is an array: give text, a number, true, false or null"),
        ({"a": [{"gte": 1}]}, r"filter.a\[0\] is an object: give text"),
        ({"a": {}}, "filter.a is an empty object: give it gte, gt, lte, lt or not"),
        ({"a": {"eq": 1}}, "filter.a has the key 'eq': choose of gte, gt, lte, lt and not"),
        (
            {"and": [{"a": {"not": {"gte": None}}}]},
            r"filter.and\[0\].a.not.gte is null: give a number, or text such as",
        ),
        ({"a": {"lt": True}}, "filter.a.lt is true: give a number"),
        ({"a": {"lt": [1]}}, "filter.a.lt is an array: give a number"),
        ({"a": {"gte": 1, "lt": "2"}}, "filter.a has a number and a text for bounds: give two of one kind"),
        ({"a": float("nan")}, "filter.a is not finite: give a finite number"),
        ({"a": [1, float("inf")]}, r"filter.a\[1\] is not finite"),
        ({"a": {"gte": float("-inf")}}, "filter.a.gte is not finite"),
        ({"a": HALF}, "filter.a holds half a character: write it again as whole text"),
        ({"a": {"gte": HALF}}, "filter.a.gte holds half a character"),
        ({"or": [{HALF: 1}]}, r"a key of filter.or\[0\] holds half a character"),
        (
            {"attribute": "or"},
            'filter.attribute has not the two keys "name" and "is": name the attribute and its value',
        ),
        ({"attribute": {"name": "or"}}, 'filter.attribute has not the two keys "name" and "is"'),
        (
            {"attribute": {"name": 1, "is": 1}},
            "filter.attribute.name is a number: give the attribute's name as whole text",
        ),
        ({"attribute": {"name": HALF, "is": 1}}, "filter.attribute.name is half a character: give"),
        ({"attribute": {"name": "or", "is": {"x": 1}}}, "filter.attribute.is has the key 'x'"),
        (nested(DEEPEST + 1), r"filter(\.not){16} is more than 16 deep: write the filter flatter"),
        (denied(DEEPEST + 1), r"filter.a(\.not){15} is more than 16 deep"),
        (nested(2000), "is more than 16 deep"),
        ({"x" * 1000: []}, r"filter\.x{40} is an empty array"),
    ],
    ids=lambda given: given[:40] if isinstance(given, str) else "",
)
def test_a_filter_that_cannot_be_meant_is_refused_by_its_place(filter: object, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^{sentence}" if sentence.startswith("filter") else sentence) as refused:
        parse(filter)
    assert "\n" not in str(refused.value)
