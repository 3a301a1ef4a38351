"""The JSON schema of filters, for the OpenAPI document; index/items/filters.py reads filters and says what is wrong."""

from collections.abc import Mapping

from pydantic import JsonValue

from index.items.filters import DEEPEST, MOST_CHARACTERS, MOST_CONDITIONS, MOST_LEAVES
from index.items.values import COMPARISONS

REF = "#/components/schemas/"
TEXT: JsonValue = {"type": "string", "maxLength": MOST_CHARACTERS}
SCALAR: list[JsonValue] = [TEXT, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]
VALUE: JsonValue = {
    "anyOf": [
        *SCALAR,
        {"type": "array", "minItems": 1, "maxItems": MOST_LEAVES, "items": {"anyOf": SCALAR}},
        {"$ref": f"{REF}Condition"},
    ]
}
FILTERS: dict[str, JsonValue] = {
    "type": "array", "minItems": 1, "maxItems": MOST_LEAVES, "items": {"$ref": f"{REF}Filter"},
}  # fmt: skip
SCHEMAS: Mapping[str, JsonValue] = {
    "Filter": {
        "type": "object",
        "description": "Conditions on attributes, which must all hold. Every key but these four is an attribute. Its"
        " value means equality, null that it is missing, an array one of its values, an object a range or `not`."
        f" At most {MOST_LEAVES} values in {MOST_CONDITIONS} conditions, {DEEPEST} levels deep.",
        "properties": {
            "and": {**FILTERS, "description": "filters that must all hold"},
            "or": {**FILTERS, "description": "filters of which one must hold"},
            "not": {"$ref": f"{REF}Filter"},
            "attribute": {"$ref": f"{REF}NamedAttribute"},
        },
        "additionalProperties": VALUE,
        "examples": [{"category": ["dress", "skirt"], "price": {"gte": 10, "lt": 50}, "colour": {"not": "black"}}],
    },
    "Condition": {
        "type": "object",
        "description": "A range, whose bounds are all numbers or all texts; or what the attribute must not be.",
        "minProperties": 1,
        "properties": {
            **{name: {"anyOf": [{"type": "number"}, TEXT]} for name in COMPARISONS},
            "not": VALUE,
        },
        "additionalProperties": False,
    },
    "NamedAttribute": {
        "type": "object",
        "description": "A condition on an attribute that has the name of a key of Filter, such as `or`.",
        "required": ["name", "is"],
        "properties": {"name": TEXT, "is": VALUE},
        "additionalProperties": False,
    },
}
