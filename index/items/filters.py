"""Filters on attributes: read from JSON, and evaluated once for each distinct value, whatever the number of rows.

{"category": "dress", "colour": ["red", "blue"], "price": {"gte": 10, "lt": 50}, "brand": {"not": "Acme"}, "sale": null}

The keys are attributes, and all of them must hold: a scalar is equality, an array membership, and an object a range
(gte, gt, lte, lt) or "not" with any of these. "and" and "or" take an array of filters, "not" a filter, and an attribute
of such a name is given as {"attribute": {"name": "or", "is": …}}. Numbers equal by size, so 1 is 1.0 and never true;
texts go by code points. Among texts, a number or a boolean is the text that it has there: 20 and 20.0 find "20". A
missing value is equal to null only and in no range; "not" is true of it wherever the rest is false.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from index.items.attribute_types import AttributeType, text
from index.items.columns import Columns
from index.items.values import COMPARISONS, Bounds, Comparison, Number, Scalar, Values
from index.sources.cells import is_utf8
from models.arrays import Flags
from models.errors import InputError

MOST_LEAVES = 1000  # values
MOST_CONDITIONS = 200  # equalities and ranges: each is evaluated for all rows
MOST_BITS = 4096  # of a whole number: about as many digits as a text may have
MOST_CHARACTERS = 1000  # of a value, or of the name of an attribute
DEEPEST = 16
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class In:
    """The attribute's value is one of these, given as JSON texts: Python would take 1 and True for the same."""

    attribute: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The attribute's value stands so to every bound, which are all numbers or all texts."""

    attribute: str
    bounds: tuple[tuple[Comparison, Number | str], ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; with none, it holds for every row."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One of the parts holds."""

    parts: tuple["Filter", ...]


Filter: TypeAlias = In | Range | Not | All | Any


def parse(given: object) -> Filter:
    """The filter of a decoded JSON value; the same one for values that only differ in order or repeat themselves.

    It can be hashed and compared. Raises InputError, which names the place in the filter.
    """
    return _Reader().filter(given, "filter", 1)


def both(one: Filter | None, other: Filter | None) -> Filter | None:
    """The filter that holds if both hold; None stands for one that always holds."""
    parts = [part for part in (one, other) if part is not None]
    return _joined(All, parts) if parts else None


def names(filter: Filter) -> set[str]:
    """The attributes that a filter asks for."""
    match filter:
        case In() | Range():
            return {filter.attribute}
        case Not():
            return names(filter.part)
        case All() | Any():
            return {name for part in filter.parts for name in names(part)}


def mask(filter: Filter, columns: Columns, count: int, check: Callable[[], None] = lambda: None) -> Flags:
    """For which of the first `count` rows (count,) the filter holds; an attribute that none has is missing in all.

    `check` is called before each part; it raises if the work must end.
    """
    check()
    match filter:
        case In():
            wanted: list[Scalar | None] = [json.loads(each) for each in filter.texts]
            return columns.get(filter.attribute).rows(
                count,
                lambda values: values.equal(stored(wanted, values.type)),
                missing=None in wanted,
            )
        case Range():
            return columns.get(filter.attribute).rows(
                count, lambda values: _within(filter.bounds, values), missing=False
            )
        case Not():
            return ~mask(filter.part, columns, count, check)
        case All():
            flags = np.ones(count, np.bool_)
            for part in filter.parts:
                flags &= mask(part, columns, count, check)
            return flags
        case Any():
            flags = np.zeros(count, np.bool_)
            for part in filter.parts:
                flags |= mask(part, columns, count, check)
            return flags


def stored(wanted: Iterable[Scalar | None], type: AttributeType) -> list[Scalar]:
    """The values as an attribute of the type holds them, without those that it cannot hold."""
    if type == "text":
        return [text(value) for value in wanted if value is not None]
    return [value for value in wanted if value is not None and _is_comparable(value, type)]


def _within(bounds: Bounds, values: Values) -> Flags:
    if all(_is_comparable(bound, values.type) for _, bound in bounds):
        return values.within(bounds)
    return np.zeros(len(values), np.bool_)


def _is_comparable(value: Scalar, type: AttributeType) -> bool:
    """True if a value is of the type's kind; a boolean or a text is not a number."""
    if isinstance(value, bool):
        return type == "boolean"
    if isinstance(value, int | float):
        return type in ("integer", "number")
    return isinstance(value, str) and type == "text"


class _Reader:
    """Reads one filter, and counts its conditions and leaves: members, bounds, and filters that say nothing."""

    def __init__(self) -> None:
        self._leaves = 0
        self._evaluated = 0

    def filter(self, given: object, where: str, depth: int) -> Filter:
        if not isinstance(given, dict):
            raise InputError(f"{where} is {_kind(given)}: give an object with attributes and what they must be")
        self._enter(where, depth, leaves=not given)
        parts: list[Filter] = []
        for name, wanted in given.items():
            if not is_utf8(name):
                raise InputError(f"a key of {where} holds half a character: write it again as whole text")
            place = f"{where}.{name[:SHOWN_CHARACTERS]}"
            if name in ("and", "or"):
                if not isinstance(wanted, list) or not wanted:
                    raise InputError(f"{place} is {_kind(wanted)}: give an array of at least one filter")
                found = [self.filter(each, f"{place}[{number}]", depth + 1) for number, each in enumerate(wanted)]
                parts.append(_joined(All if name == "and" else Any, found))
            elif name == "not":
                parts.append(Not(self.filter(wanted, place, depth + 1)))
            elif name == "attribute":
                if not isinstance(wanted, dict) or set(wanted) != {"name", "is"}:
                    raise InputError(f'{place} has not the two keys "name" and "is": name the attribute and its value')
                named = wanted["name"]
                if not isinstance(named, str) or not is_utf8(named):
                    raise InputError(f"{place}.name is {_kind(named)}: give the attribute's name as whole text")
                parts.append(self._value(named, wanted["is"], f"{place}.is", depth))
            else:
                parts.append(self._value(name, wanted, place, depth))
        return _joined(All, parts)

    def _value(self, name: str, given: object, where: str, depth: int) -> Filter:
        if len(name) > MOST_CHARACTERS:
            raise InputError(f"the name of {where} has more than {MOST_CHARACTERS} characters: shorten it")
        if isinstance(given, dict):
            return self._conditions(name, given, where, depth + 1)
        if not isinstance(given, list):
            self._enter(where, depth, leaves=1, evaluated=1)
            return In(name, (_text(given, where),))
        if not given:
            raise InputError(f"{where} is an empty array: give at least one value, or leave it out")
        self._enter(where, depth, leaves=len(given), evaluated=1)
        return In(name, tuple(sorted({_text(each, f"{where}[{number}]") for number, each in enumerate(given)})))

    def _conditions(self, name: str, given: Mapping[str, object], where: str, depth: int) -> Filter:
        self._enter(where, depth, leaves=0)
        parts: list[Filter] = []
        bounds: dict[Comparison, Number | str] = {}
        for key, wanted in given.items():
            if key == "not":
                parts.append(Not(self._value(name, wanted, f"{where}.not", depth)))
                continue
            comparison = next((each for each in COMPARISONS if each == key), None)
            if comparison is None:
                shown = key[:SHOWN_CHARACTERS]
                raise InputError(f"{where} has the key {shown!r}: choose of {', '.join(COMPARISONS)} and not")
            place = f"{where}.{comparison}"
            self._enter(place, depth, leaves=1, evaluated=not bounds)
            bounds[comparison] = _bound(wanted, place)
        if len({isinstance(bound, str) for bound in bounds.values()}) > 1:
            raise InputError(f"{where} has a number and a text for bounds: give two of one kind")
        if bounds:
            parts.append(Range(name, tuple(sorted(bounds.items()))))
        if not parts:
            raise InputError(f"{where} is an empty object: give it {', '.join(COMPARISONS)} or not")
        return _joined(All, parts)

    def _enter(self, where: str, depth: int, *, leaves: int, evaluated: int = 0) -> None:
        if depth > DEEPEST:
            raise InputError(f"{where} is more than {DEEPEST} deep: write the filter flatter")
        self._leaves += leaves
        if self._leaves > MOST_LEAVES:
            raise InputError(f"the filter has more than {MOST_LEAVES} values up to {where}: ask for fewer")
        self._evaluated += evaluated
        if self._evaluated > MOST_CONDITIONS:
            raise InputError(
                f"the filter has more than {MOST_CONDITIONS} conditions up to {where}: give values of one attribute as"
                " an array"
            )


def _joined(kind: Callable[[tuple[Filter, ...]], Filter], parts: Iterable[Filter]) -> Filter:
    """The parts in an order of their own, each once; a single one stands for itself."""
    ordered = tuple(sorted(dict.fromkeys(parts), key=repr))
    return ordered[0] if len(ordered) == 1 else kind(ordered)


def _bound(given: object, where: str) -> Number | str:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise InputError(f"{where} is {_kind(given)}: give a number, or text such as a date")
    bound: Number | str = json.loads(_text(given, where))
    return bound


def json_text(value: Scalar) -> str:
    """The JSON text of a value, the same for equal numbers."""
    return _text(value, "the value")


def _text(given: object, where: str) -> str:
    """The JSON text of a scalar, the same for equal numbers."""
    if isinstance(given, float):
        if not math.isfinite(given):
            raise InputError(f"{where} is not finite: give a finite number")
        return str(int(given)) if given.is_integer() else repr(given)
    if not isinstance(given, str | int | None):
        raise InputError(f"{where} is {_kind(given)}: give text, a number, true, false or null")
    if isinstance(given, str) and not is_utf8(given):
        raise InputError(f"{where} holds half a character: write it again as whole text")
    if isinstance(given, str) and len(given) > MOST_CHARACTERS:
        raise InputError(f"{where} has {len(given)} characters: give at most {MOST_CHARACTERS}")
    if isinstance(given, int) and given.bit_length() > MOST_BITS:
        raise InputError(f"{where} is a number of more than {MOST_BITS} bits: give a smaller one")
    return json.dumps(given, ensure_ascii=False)


def _kind(given: object) -> str:
    """The JSON name of the value's type."""
    if isinstance(given, dict | list):
        return f"an {'empty ' if not given else ''}{'object' if isinstance(given, dict) else 'array'}"
    if isinstance(given, str):
        return "a text" if is_utf8(given) else "half a character"
    if given is None or isinstance(given, bool):
        return json.dumps(given)
    return "a number"
