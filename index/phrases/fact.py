"""A fact that a phrase of a text states, as a filter in JSON or as an order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class AttributeOrder:
    """An order of the items by an attribute."""

    attribute: str
    order: Literal["asc", "desc"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A phrase, given as its place in a text, and the conditions or the order that it stands for."""

    start: int
    end: int
    conditions: Mapping[str, JsonValue]
    order: AttributeOrder | None = None


def on_attribute(name: str, condition: JsonValue) -> dict[str, JsonValue]:
    """Return a filter on one attribute, which may have the name of an operator."""
    if name in ("and", "or", "not", "attribute"):
        return {"attribute": {"name": name, "is": condition}}
    return {name: condition}
