"""Filters as Milvus evaluates them: attributes with a field of their own by sortable texts in it, others by tokens.

Milvus compares texts of a field several times faster than it looks into an array or into JSON, but a collection has
few fields, which it has from its start: lists, and attributes that come later, are tokens in one field that is never
null, and ranges of them sortable texts in JSON. What Milvus and its version in one process make of missing and null
members of JSON differs; of these it does not. Every name, value and bound is written in letters and digits, so that
nothing is to be escaped.
"""

import hashlib
import json
import math
import struct
from collections.abc import Collection, Iterable, Mapping

from index.items import filters
from index.items.attribute_types import AttributeType, AttributeTypes, text
from index.items.filters import All, Any, Filter, In, Not, Range
from index.items.values import Scalar
from index.sources.cells import Value
from models.errors import InputError

EVERY, NO = "row >= 0", "row < 0"
OPERATORS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
REST = 0xFFFF  # of a whole number above the next float below it, at most
MOST_TOKENS = 4096  # of an item
MOST_FIELDS = 48  # of attributes: Milvus allows 64 in all
PREFIX = filters.MOST_CHARACTERS + 1  # of a text, which no value of a filter is longer than, so that none is cut


def key(name: str) -> str:
    """The name of an attribute in Milvus."""
    return f"k{_digest(name)}"


def id_key(id: str) -> str:
    """The id of an item in Milvus."""
    return hashlib.sha256(id.encode()).hexdigest()[:40]


def with_fields(types: AttributeTypes) -> tuple[str, ...]:
    """The attributes that get fields of their own: the first ones that have one value an item."""
    single = [name for name, type in types.items() if type not in (None, "list of texts")]
    return tuple(single[:MOST_FIELDS])


def field_values(attributes: Mapping[str, Value], own: Collection[str]) -> dict[str, str]:
    """The texts of an item in the fields of the attributes `own`: "" if it lacks one."""
    found = {}
    for name in own:
        value = attributes.get(name)
        assert not isinstance(value, list)  # the type of an attribute with a field does not become a list
        found[key(name)] = "" if value is None else sortable(value)
    return found


def key_in(keys: Iterable[str]) -> str:
    """The expression for the items of these keys."""
    listed = ", ".join(f'"{key}"' for key in keys)
    return f"key in [{listed}]"


def tokens(attributes: Mapping[str, Value], own: Collection[str] = ()) -> list[str]:
    """The tokens of an item: one for each attribute that it has, and one for each value; none of attributes `own`."""
    found: list[str] = []
    for name, value in attributes.items():
        if value is None or value == [] or name in own:
            continue
        found.append(key(name))
        found += [_token(name, member) for member in (value if isinstance(value, list) else [value])]
    if len(found) > MOST_TOKENS:
        raise InputError(f"an item has more than {MOST_TOKENS} values: a gallery in Milvus holds no more")
    return found


def ranges(attributes: Mapping[str, Value], own: Collection[str] = ()) -> dict[str, str]:
    """Texts that sort as the values do, for each attribute with one number or one text that is not among `own`."""
    return {
        key(name): sortable(value)
        for name, value in attributes.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool) and name not in own
    }


def sortable(value: Scalar) -> str:
    """A text that sorts among others as the value does: exactly, also for whole numbers beyond 2^53.

    Of a long text, it is that of the first characters.
    """
    if isinstance(value, str):
        return f"t{value[:PREFIX].encode().hex()}"
    if isinstance(value, bool):
        return f"b{value:d}"
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


def expression(filter: Filter | None, types: AttributeTypes, own: Collection[str] = ()) -> str:
    """The expression of a filter, "" for none; raises InputError for a range of an attribute that holds lists.

    The attributes `own` have fields of their own.
    """
    return "" if filter is None else _written(filter, types, own)


def _written(filter: Filter, types: AttributeTypes, own: Collection[str]) -> str:
    match filter:
        case In():
            return _equal(filter, types.get(filter.attribute), own)
        case Range():
            return _within(filter, types.get(filter.attribute), own)
        case Not():
            return f"not ({_written(filter.part, types, own)})"
        case All():
            return " and ".join(f"({_written(part, types, own)})" for part in filter.parts) or EVERY
        case Any():
            return " or ".join(f"({_written(part, types, own)})" for part in filter.parts) or NO


def _equal(filter: In, type: AttributeType | None, own: Collection[str]) -> str:
    wanted: list[Scalar | None] = [json.loads(each) for each in filter.texts]
    parts = []
    found = [] if type is None else filters.stored(wanted, "text" if type == "list of texts" else type)
    name = key(filter.attribute)
    if filter.attribute in own:
        texts = ["" if each is None else sortable(each) for each in [*found, *([None] if None in wanted else [])]]
        listed = ", ".join(f'"{each}"' for each in dict.fromkeys(texts))
        return f"{name} in [{listed}]" if texts else NO
    if found:
        listed = ", ".join(f'"{_token(filter.attribute, value)}"' for value in found)
        parts.append(f"array_contains_any(tokens, [{listed}])")
    if None in wanted:
        parts.append(f'not array_contains(tokens, "{name}")')
    return " or ".join(f"({part})" for part in parts) or NO


def _within(filter: Range, type: AttributeType | None, own: Collection[str]) -> str:
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
    field, present = f'ranges["{name}"]', f'array_contains(tokens, "{name}")'
    if filter.attribute in own:
        field, present = name, f'{name} > ""'
    parts = [f'{field} {OPERATORS[comparison]} "{sortable(bound)}"' for comparison, bound in filter.bounds]
    return " and ".join([present, *parts])


def _token(name: str, value: Scalar) -> str:
    return f"{key(name)}{_digest(text(value) if isinstance(value, str) else filters.json_text(value))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
