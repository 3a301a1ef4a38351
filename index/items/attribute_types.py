"""Types of attributes: one for each attribute, chosen from its values, and values brought to it without loss.

Whole numbers and decimals together are numbers, kept as float64. Any other mix becomes text, a number as JSON writes
it; if a list of texts is among the values, every value becomes one. A whole number beyond 64 bits, and one beyond
2^53 beside decimals, becomes text too, so that no digit is lost.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from index.sources.cells import EXACT, Value
from models.errors import InputError

AttributeType: TypeAlias = Literal["boolean", "integer", "number", "text", "list of texts"]
Kind: TypeAlias = AttributeType | Literal["integer beyond 53 bits", "integer beyond 64 bits"]
AttributeTypes: TypeAlias = Mapping[str, AttributeType | None]  # of known attributes; None if one never had a value

INT64 = 2**63  # an int64 lies below it, and from its negative on
SHOWN_CHARACTERS = 60


def kind(value: object) -> Kind:
    """Return the kind of a value that is not missing."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        if abs(value) <= EXACT:
            return "integer"
        return "integer beyond 53 bits" if -INT64 <= value < INT64 else "integer beyond 64 bits"
    if isinstance(value, float):
        return "number"
    return "text" if isinstance(value, str) else "list of texts"


def common_type(kinds: Iterable[Kind]) -> AttributeType:
    """Return the type that holds values of all these kinds without loss; text if there are none."""
    distinct = set(kinds)
    if not distinct:
        return "text"
    if "list of texts" in distinct:
        return "list of texts"
    if distinct == {"boolean"}:
        return "boolean"
    if distinct <= {"integer", "integer beyond 53 bits"}:
        return "integer"
    return "number" if distinct <= {"integer", "number"} else "text"


def convert(value: Value, type: AttributeType) -> Value:
    """Return the value as one of the type; raises ValueError if that would lose something.

    An integer attribute also takes a decimal as it is: both are numbers to a filter. An empty list is a missing value.
    """
    if value is None or value == []:
        return None
    if type == "list of texts":
        return list(dict.fromkeys(value)) if isinstance(value, list) else [text(value)]
    if type == "text" and not isinstance(value, list):
        return text(value)
    if type == "boolean" and isinstance(value, bool):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if type == "integer":
            return _whole_or_decimal(value)
        if type == "number" and (isinstance(value, float) or abs(value) <= EXACT):
            return float(value) + 0.0  # makes −0.0 equal to 0.0 in its bits too
    raise ValueError


def convert_attributes(attributes: Mapping[str, Value], types: dict[str, AttributeType | None]) -> dict[str, Value]:
    """Return the attributes of an item, each of the type that `types` has for it, without the missing ones.

    An attribute without a type in `types` is added with the type of its value, and an integer one that gets a decimal
    becomes a number. Raises InputError, and adds nothing, for a value that its attribute cannot hold.
    """
    converted: dict[str, Value] = {}
    changed: dict[str, AttributeType] = {}
    for name, value in attributes.items():
        if value is None or value == []:
            continue
        type = types.get(name) or common_type([kind(value)])
        try:
            converted[name] = convert(value, type)
        except ValueError as error:
            shown = repr(value)[:SHOWN_CHARACTERS]
            raise InputError(
                f"the attribute {name!r} holds values of the type {type}, and {shown} cannot become one: give a value"
                " of this type, or build the gallery again from a source with the new type"
            ) from error
        changed[name] = "number" if type == "integer" and isinstance(converted[name], float) else type
    types.update(changed)
    return converted


def text(value: Value) -> str:
    """Return a scalar as text: equal numbers have the same text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return str(int(value))
    return str(value)


def _whole_or_decimal(value: int | float) -> int | float:
    if -INT64 <= value < INT64 and value == int(value):
        return int(value)
    if isinstance(value, int) or abs(value) > EXACT:
        raise ValueError
    return value
