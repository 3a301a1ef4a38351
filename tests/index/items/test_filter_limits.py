"""A filter has bounds of values, conditions, characters and digits; what is above is refused by its place."""

import pytest

from index.items.filters import MOST_BITS, MOST_CHARACTERS, MOST_CONDITIONS, MOST_LEAVES, parse
from models.errors import InputError


@pytest.mark.parametrize(
    "filter",
    [
        {"a": list(range(MOST_LEAVES))},
        {"or": [{"a": number, "b": {"gte": number, "lt": 9}} for number in range(MOST_CONDITIONS // 2)]},
        {"a": "ß" * MOST_CHARACTERS, "b" * MOST_CHARACTERS: [2 ** (MOST_BITS - 1), -(2 ** (MOST_BITS - 1))]},
    ],
    ids=["values", "conditions", "characters and bits"],
)
def test_a_filter_at_its_limits_is_read(filter: object) -> None:
    assert parse(filter)


@pytest.mark.parametrize(
    ("filter", "place", "limit"),
    [
        ({"a": list(range(MOST_LEAVES + 1))}, "filter.a", "1000 values"),
        ({"or": [{}] * (MOST_LEAVES + 1)}, "filter.or[1000]", "1000 values"),
        ({"or": [{"b": {"gte": 1, "lt": 2}}] * (MOST_CONDITIONS + 1)}, "filter.or[200].b.gte", "200 conditions"),
        ({"or": [{"b": number} for number in range(MOST_CONDITIONS + 1)]}, "filter.or[200].b", "200 conditions"),
        ({"a": ["x", "y" * (MOST_CHARACTERS + 1)]}, "filter.a[1]", "at most 1000"),
        ({"a": {"gte": "y" * (MOST_CHARACTERS + 1)}}, "filter.a.gte", "at most 1000"),
        ({"a": {"not": 2**MOST_BITS}}, "filter.a.not", "4096 bits"),
        ({"b" * (MOST_CHARACTERS + 1): 1}, "filter." + "b" * 40, "1000 characters"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_filter_above_a_limit_is_refused_by_its_place(filter: object, place: str, limit: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(filter)
    assert place in str(refused.value) and limit in str(refused.value)
