"""The schema of filters in the OpenAPI document against what the filters' own reader takes."""

import json

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.items import filters
from models.errors import InputError
from service.schemas.filter_schema import SCHEMAS

DOCUMENT = {"$ref": "#/components/schemas/Filter", "components": {"schemas": SCHEMAS}}
SCHEMA = jsonschema_rs.Draft202012Validator(json.loads(json.dumps(DOCUMENT)))
KEYS = ("price", "and", "or", "not", "attribute", "name", "is", "gte", "lt")
# no texts: two bounds of different kinds are beyond a schema
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.just(0.5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=6,
)
RANGE = st.dictionaries(st.sampled_from(("gt", "gte", "lt", "lte", "not")), SCALARS, max_size=2)
FILTERS = st.recursive(
    st.dictionaries(st.sampled_from(("price", "brand")), SCALARS | RANGE | st.lists(SCALARS, max_size=2), max_size=2),
    lambda inner: st.fixed_dictionaries({}, optional={"and": st.lists(inner, max_size=2), "or": inner, "not": inner}),
    max_leaves=4,
)


def is_read(value: object) -> bool:
    try:
        filters.parse(value)
    except InputError:
        return False
    return True


@settings(deadline=None, max_examples=400)
@given(FILTERS | JSON)
@example({"price": {"gte": 10, "lt": 50}, "or": [{"brand": ["Acme", None]}, {"not": {"brand": "Bolt"}}]})
@example({"attribute": {"name": "or", "is": {"not": {"not": [1]}}}})
@example({"price": {}})
@example({"price": []})
@example({"price": {"gte": True}})
@example({"price": {"lte": "2026-01-01"}})
@example({"attribute": {"name": "or"}})
@example({"and": []})
@example([])
def test_the_schema_allows_what_is_read_and_nothing_else(value: object) -> None:
    assert SCHEMA.is_valid(value) == is_read(value)


@pytest.mark.parametrize("value", [{"price": {"gte": 1, "lt": "z"}}, {"a": {"not": {"gt": "z", "gte": 0}}}])
def test_bounds_of_two_kinds_are_refused_by_the_reader_alone(value: object) -> None:
    assert SCHEMA.is_valid(value) and not is_read(value)
