"""Filters as Milvus evaluates them: equality by tokens in a field that is never null, ranges by sortable texts.

What Milvus and its version in one process make of missing and null members of JSON differs; of these two it does not.
Every name, value and bound is written in letters and digits, so that nothing is to be escaped.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping

from index.items import filters
from index.items.attribute_types import AttributeType, AttributeTypes, text
from index.items.filters import All, Any, Filter, In, Not, Range
from index.items.values import Number, Scalar
from index.sources.cells import Value
from models.errors import InputError

EVERY, NO = "row >= 0", "row < 0"
OPERATORS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
REST = 0xFFFF  # of a whole number above the next float below it, at most
MOST_TOKENS = 4096  # of an item


def key(name: str) -> str:
    """The name of an attribute in Milvus."""
    return f"k{_digest(name)}"


def id_key(id: str) -> str:
    """The id of an item in Milvus."""
    return hashlib.sha256(id.encode()).hexdigest()[:40]


def tokens(attributes: Mapping[str, Value]) -> list[str]:
    """The tokens of an item: one for each attribute that it has, and one for each value."""
    found: list[str] = []
    for name, value in attributes.items():
        if value is None or value == []:
            continue
        found.append(key(name))
        found += [_token(name, member) for member in (value if isinstance(value, list) else [value])]
    if len(found) > MOST_TOKENS:
        raise InputError(f"an item has more than {MOST_TOKENS} values: a gallery in Milvus holds no more")
    return found


def ranges(attributes: Mapping[str, Value]) -> dict[str, str]:
    """Texts that sort as the values do, for each attribute with one number or one text."""
    return {
        key(name): sortable(value)
        for name, value in attributes.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    }


def sortable(value: Number | str) -> str:
    """A text that sorts among others as the value does: exactly, also for whole numbers beyond 2^53."""
    if isinstance(value, str):
        return f"t{value.encode().hex()}"
    if isinstance(value, int):
        try:
            below = float(value)
        except OverflowError:
            below = math.inf if value > 0 else -math.inf
        if math.isfinite(below) and int(below) > value:
            below = math.nextafter(below, -math.inf)
        rest = min(REST, value - int(below)) if math.isfinite(below) else 0
    else:
        below, rest = value + 0.0, 0
    bits: int = struct.unpack(">Q", struct.pack(">d", below))[0]
    bits = bits ^ (2**64 - 1) if bits >> 63 else bits | 1 << 63
    return f"n{bits:016x}{rest:04x}"


def expression(filter: Filter | None, types: AttributeTypes) -> str:
    """The expression of a filter, "" for none; raises InputError for a range of an attribute that holds lists."""
    return "" if filter is None else _written(filter, types)


def _written(filter: Filter, types: AttributeTypes) -> str:
    match filter:
        case In():
            return _equal(filter, types.get(filter.attribute))
        case Range():
            return _within(filter, types.get(filter.attribute))
        case Not():
            return f"not ({_written(filter.part, types)})"
        case All():
            return " and ".join(f"({_written(part, types)})" for part in filter.parts) or EVERY
        case Any():
            return " or ".join(f"({_written(part, types)})" for part in filter.parts) or NO


def _equal(filter: In, type: AttributeType | None) -> str:
    wanted: list[Scalar | None] = [json.loads(each) for each in filter.texts]
    parts = []
    found = [] if type is None else filters.stored(wanted, "text" if type == "list of texts" else type)
    if found:
        listed = ", ".join(f'"{_token(filter.attribute, value)}"' for value in found)
        parts.append(f"array_contains_any(tokens, [{listed}])")
    if None in wanted:
        parts.append(f'not array_contains(tokens, "{key(filter.attribute)}")')
    return " or ".join(f"({part})" for part in parts) or NO


def _within(filter: Range, type: AttributeType | None) -> str:
    if type is None:
        return NO
    is_text = isinstance(filter.bounds[0][1], str)
    if type == "list of texts" and is_text:
        raise InputError(
            f"the attribute {filter.attribute!r} is a list of texts: a gallery in Milvus has no ranges of these"
        )
    if is_text != (type == "text") or type in ("boolean", "list of texts"):
        return NO
    name = key(filter.attribute)
    parts = [f'ranges["{name}"] {OPERATORS[comparison]} "{sortable(bound)}"' for comparison, bound in filter.bounds]
    return " and ".join([f'array_contains(tokens, "{name}")', *parts])


def _token(name: str, value: Scalar) -> str:
    return f"{key(name)}{_digest(text(value) if isinstance(value, str) else filters.json_text(value))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
