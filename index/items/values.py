"""Distinct values of an attribute as JSON texts, decoded and compared many at a time.

The text is what tells values apart, so that 1, 1.0, true and "1" stay four. Where numbers are compared, 1 equals 1.0.
"""

import json
import operator
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute

from index.sources.rows import Value
from models.arrays import Flags

Number: TypeAlias = int | float
Comparison: TypeAlias = Literal["gte", "gt", "lte", "lt"]

COMPARISONS: Mapping[Comparison, str] = {"gte": "greater_equal", "gt": "greater", "lte": "less_equal", "lt": "less"}
BY_NUMBER: Mapping[Comparison, Callable[..., Flags]] = {
    "gte": np.greater_equal,
    "gt": np.greater,
    "lte": np.less_equal,
    "lt": np.less,
}
EXACTLY: Mapping[Comparison, Callable[[Number, Number], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}

EXACT = 2.0**53  # below it a float holds every whole number, and only from it on can two numbers share one
NULL = "null"

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_decoder = json.JSONDecoder()


def encode(value: Value) -> str:
    """The value's one JSON text."""
    return _encoder.encode(value)


def decode(text: str) -> Value:
    """The value of a text that `encode` wrote."""
    value: Value
    value, _ = _decoder.raw_decode(text)
    return value


class Values:
    """Values (m,) that are given and kept as JSON texts in a column of Arrow; each kind is decoded when first compared.

    By the order of UTF-8, texts begin below "#", numbers from "-" up to "9", and false, null and true above.
    """

    def __init__(self, texts: pyarrow.LargeStringArray) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, code: int) -> str:
        """The JSON text of the value."""
        text: str = self._texts[code].as_py()
        return text

    def among(self, numbers: Collection[Number]) -> Flags:
        """Which values (m,) are one of the numbers; exact for whole numbers of any length."""
        if not numbers:
            return np.zeros(len(self), np.bool_)
        held: Flags = np.isin(self._numbers, [_nearest(number) for number in numbers])
        codes = np.flatnonzero(held)
        for code in codes[np.abs(self._numbers[codes]) >= EXACT].tolist():
            held[code] = decode(self.text(code)) in numbers
        return held

    def compared(self, comparison: Comparison, bound: Number | str) -> Flags:
        """Which values (m,) stand so to the bound: numbers to a number, texts to a text, by their code points."""
        if isinstance(bound, str):
            stand = compute.call_function(COMPARISONS[comparison], [self._strings, _string(bound)])
            flags: Flags = stand.fill_null(False).to_numpy(zero_copy_only=False)
            return flags
        nearest = _nearest(bound)
        held = BY_NUMBER[comparison](self._numbers, nearest)
        if abs(nearest) >= EXACT:  # rounding keeps the order, so only what became equal may stand otherwise
            for code in np.flatnonzero(self._numbers == nearest).tolist():
                value = decode(self.text(code))
                assert isinstance(value, int | float)
                held[code] = EXACTLY[comparison](value, bound)
        return held

    @cached_property
    def _numbers(self) -> NDArray[np.float64]:
        """The values (m,) as floats, NaN for what is no number."""
        texts = self._texts
        number = compute.and_(compute.greater_equal(texts, _string("-")), compute.less(texts, _string(":")))
        floats: NDArray[np.float64] = (
            compute.if_else(number, texts, _string(None)).cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        )
        return floats

    @cached_property
    def _strings(self) -> pyarrow.LargeStringArray:
        """The values (m,) that are texts, without quotes and escapes, and null for the others."""
        texts = self._texts
        bare = compute.ascii_trim(texts, characters='"')  # a quote within a text is escaped
        bare = compute.if_else(compute.less(texts, _string("#")), bare, _string(None))
        escaped = compute.match_substring(texts, "\\")
        if not compute.any(escaped).as_py():
            return bare
        whole = [decode(text) for text in texts.filter(escaped).to_pylist()]
        return compute.replace_with_mask(bare, escaped, pyarrow.array(whole, pyarrow.large_string()))


def _string(text: str | None) -> pyarrow.LargeStringScalar:
    return pyarrow.scalar(text, pyarrow.large_string())


def _nearest(number: Number) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number beyond all floats, which Arrow too reads as infinite
        return float("inf") if number > 0 else float("-inf")
