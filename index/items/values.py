"""Distinct values of an attribute by their code, compared once each, whatever the number of rows.

`SortedValues` are those of a snapshot, mapped from its file; `GrowingValues` those of the changes since. Numbers are
equal by size, and compared exactly: 2^53 + 1 is not 2.0^53.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute

from index.items.attribute_types import AttributeType
from index.sources.cells import Value
from models.arrays import Flags

Number: TypeAlias = int | float
Scalar: TypeAlias = str | int | float | bool
Comparison: TypeAlias = Literal["gte", "gt", "lte", "lt"]
CACHED_VALUES = 4096  # of a column: every value of a category or a colour
CACHED_CHARACTERS = 200  # of a text up to which it is cached
Bounds: TypeAlias = Sequence[tuple[Comparison, Number | str]]

COMPARISONS: Mapping[Comparison, Callable[..., bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Members:
    """The distinct texts of lists, and pairs (p,) that say which text is in which list, by their codes."""

    texts: "Values"
    text_codes: NDArray[np.int32]
    list_codes: NDArray[np.int32]

    def any(self, held: Flags, lists: int) -> Flags:
        """For which of so many lists one of its texts is held."""
        flags: Flags = np.zeros(lists, np.bool_)
        flags[self.list_codes[held[self.text_codes]]] = True
        return flags

    def totals(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum of the counts of the lists that hold each text."""
        totals = np.bincount(self.text_codes, weights=counts[self.list_codes], minlength=len(self.texts))
        return totals.astype(np.int64)


class Values(Protocol):
    """Distinct values, none of them missing, by their code."""

    type: AttributeType

    def __len__(self) -> int:
        """How many values there are."""

    def value(self, code: int) -> Value:
        """The value of that code."""

    def code(self, value: Scalar) -> int | None:
        """The code of a value, None if it is not there; numbers are equal by size."""

    def equal(self, wanted: Collection[Scalar]) -> Flags:
        """Mask (m,) of the scalars that are among the wanted, which must be of the same kind."""

    def within(self, bounds: Bounds) -> Flags:
        """Mask (m,) of the scalars within all bounds, which must be of the same kind."""

    def members(self) -> Members:
        """The texts of lists."""

    def numbers(self) -> NDArray[np.float64]:
        """Numbers or flags as decimals (m,); whole numbers beyond 2^53 may become equal."""


class SortedValues:
    """Values in ascending order, in a column of Arrow."""

    def __init__(self, type: AttributeType, values: pyarrow.Array) -> None:
        self.type = type
        self._values = values
        self._cache: dict[int, Scalar] = {}  # decoded values
        numbers = type in ("integer", "number")
        self._at: Callable[[int], Any] = values.to_numpy(zero_copy_only=False).item if numbers else self.value

    def __len__(self) -> int:
        return len(self._values)

    def value(self, code: int) -> Value:
        value: Value = self._cache.get(code)
        if value is None:
            value = self._values[code].as_py()
            is_long = isinstance(value, str) and len(value) > CACHED_CHARACTERS
            if isinstance(value, Scalar) and not is_long and len(self._cache) < CACHED_VALUES:
                self._cache[code] = value
        return value

    def code(self, value: Scalar) -> int | None:
        code = bisect_left(range(len(self)), value, key=self._at)
        return code if code < len(self) and self._at(code) == value else None

    def equal(self, wanted: Collection[Scalar]) -> Flags:
        flags: Flags = np.zeros(len(self), np.bool_)
        flags[[code for code in map(self.code, wanted) if code is not None]] = True
        return flags

    def within(self, bounds: Bounds) -> Flags:
        codes = range(len(self))
        first, end = 0, len(self)
        for comparison, bound in bounds:
            side = bisect_left if comparison in ("gte", "lt") else bisect_right
            place = side(codes, bound, key=self._at)
            if comparison in ("gte", "gt"):
                first = max(first, place)
            else:
                end = min(end, place)
        flags: Flags = np.zeros(len(self), np.bool_)
        flags[first:end] = True
        return flags

    def members(self) -> Members:
        return self._members

    def numbers(self) -> NDArray[np.float64]:
        numbers: NDArray[np.float64] = self._values.to_numpy(zero_copy_only=False).astype(np.float64)
        return numbers

    @cached_property
    def _members(self) -> Members:
        flat = self._values.flatten().dictionary_encode()
        order = compute.sort_indices(flat.dictionary)
        ranks = np.argsort(order.to_numpy()).astype(np.int32)
        lengths = compute.list_value_length(self._values).to_numpy(zero_copy_only=False)
        lists = np.repeat(np.arange(len(self), dtype=np.int32), lengths)
        return Members(SortedValues("text", flat.dictionary.take(order)), ranks[flat.indices.to_numpy()], lists)


class GrowingValues:
    """Values in the order of their arrival; one thread adds while others read those there were when they began."""

    def __init__(self, type: AttributeType) -> None:
        self.type = type
        self._values: list[Scalar | tuple[str, ...]] = []
        self._codes: dict[Scalar | tuple[str, ...], int] = {}
        self._texts = self if type != "list of texts" else GrowingValues("text")
        self._pairs: list[tuple[int, int]] = []  # of a text and the list that holds it

    def add(self, value: Value) -> int:
        """Return the code of the value, a new one if it is not there yet."""
        assert value is not None
        key = tuple(value) if isinstance(value, list) else value
        code = self._codes.get(key)
        if code is None:
            code = len(self._values)
            self._values.append(key)  # before its code, which no reader may find without it
            if isinstance(key, tuple):
                self._pairs.extend([(self._texts.add(text), code) for text in key])
            self._codes[key] = code
        return code

    def __len__(self) -> int:
        return len(self._values)

    def value(self, code: int) -> Value:
        value = self._values[code]
        return list(value) if isinstance(value, tuple) else value

    def code(self, value: Scalar) -> int | None:
        return self._codes.get(value)

    def equal(self, wanted: Collection[Scalar]) -> Flags:
        codes = [code for code in map(self._codes.get, wanted) if code is not None]
        flags: Flags = np.zeros(len(self), np.bool_)
        flags[codes] = True
        return flags

    def within(self, bounds: Bounds) -> Flags:
        values = self._values[:]
        flags: Flags = np.ones(len(values), np.bool_)
        for comparison, bound in bounds:
            flags &= np.fromiter((COMPARISONS[comparison](value, bound) for value in values), np.bool_, len(values))
        return flags

    def members(self) -> Members:
        pairs = np.array(self._pairs[:], np.int32).reshape(-1, 2)
        return Members(self._texts, pairs[:, 0], pairs[:, 1])

    def numbers(self) -> NDArray[np.float64]:
        return np.array(self._values[:], np.float64)
