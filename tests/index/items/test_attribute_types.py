"""Every attribute gets one type, and a value is brought to it without loss or refused."""

import pytest

from index.items.attribute_types import AttributeType, Kind, common_type, convert, convert_attributes, kind
from index.sources.cells import Value
from models.errors import InputError


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "text"),
        ([True, False], "boolean"),
        ([1, -(2**63), 2**63 - 1], "integer"),
        ([1, 0.5], "number"),
        ([1.0], "number"),
        ([2**53 + 1, 0.5], "text"),  # no float holds the first
        ([2**63], "text"),
        (["x", 1], "text"),
        ([True, 1], "text"),
        ([["x"], "y", 1], "list of texts"),
    ],
)
def test_the_common_type_holds_every_value(values: list[Value], expected: AttributeType) -> None:
    assert common_type(map(kind, values)) == expected
    for value in values:
        convert(value, expected)


@pytest.mark.parametrize(
    ("value", "type", "expected"),
    [
        (True, "boolean", True),
        (3, "integer", 3),
        (3.0, "integer", 3),
        (-0.0, "integer", 0),
        (3.5, "integer", 3.5),  # both are numbers to a filter
        (3, "number", 3.0),
        (2**53, "number", 2.0**53),
        ("x", "text", "x"),
        (20, "text", "20"),
        (20.0, "text", "20"),
        (-0.0, "text", "0"),
        (0.1, "text", "0.1"),
        (1e300, "text", "1e+300"),
        (10**30, "text", "1" + 30 * "0"),
        (True, "text", "true"),
        ("x", "list of texts", ["x"]),
        (1.0, "list of texts", ["1"]),
        (["b", "a", "b"], "list of texts", ["b", "a"]),
        ([], "list of texts", None),
        ([], "integer", None),
        (None, "text", None),
    ],
)
def test_a_value_becomes_one_of_the_type(value: Value, type: AttributeType, expected: Value) -> None:
    converted = convert(value, type)
    assert (repr(converted), converted) == (repr(expected), expected)


@pytest.mark.parametrize(
    ("value", "type"),
    [
        ("3", "integer"),
        (True, "integer"),
        (2**63, "integer"),
        (1e300, "integer"),
        (2**53 + 1, "number"),
        (10**400, "number"),
        ("0.5", "number"),
        (1, "boolean"),
        ("true", "boolean"),
        (["x"], "text"),
        (["x"], "number"),
    ],
)
def test_a_value_that_would_lose_something_is_refused(value: Value, type: AttributeType) -> None:
    with pytest.raises(ValueError):
        convert(value, type)
    types: dict[str, AttributeType | None] = {"price": type}
    with pytest.raises(InputError, match=f"'price'.* {type}"):
        convert_attributes({"fresh": 1, "price": value}, types)
    assert types == {"price": type}


def test_a_new_attribute_takes_the_type_of_its_first_value() -> None:
    types: dict[str, AttributeType | None] = {"price": "integer"}
    assert convert_attributes({"price": 2.0, "tags": ["x"], "none": None, "empty": []}, types) == {
        "price": 2,
        "tags": ["x"],
    }
    assert types == {"price": "integer", "tags": "list of texts"}
    assert convert_attributes({"price": 2.5, "tags": "y"}, types) == {"price": 2.5, "tags": ["y"]}
    assert types["price"] == "number"


def test_kinds_tell_whole_numbers_by_what_holds_them() -> None:
    kinds: list[Kind] = ["integer", "integer beyond 53 bits", "integer beyond 64 bits"]
    assert [kind(2**53), kind(-(2**53) - 1), kind(2**63)] == kinds
