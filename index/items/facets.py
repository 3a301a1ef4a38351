"""Facets: how many rows of a selection have each value of an attribute."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from index.items.columns import MISSING, Column, Columns
from index.items.values import Number, Scalar, SortedValues, Values
from models.arrays import Flags

Facets: TypeAlias = Mapping[str, Sequence[tuple[Scalar, int]]]  # by attribute, the most frequent first
Counts: TypeAlias = NDArray[np.int64]  # (m,), by the code of the value

Ranges: TypeAlias = Mapping[str, tuple[Number, Number]]  # by attribute, the least and the most

MOST = 100  # values of an attribute by default


def counts(
    columns: Columns, mask: Flags, others: Columns, other_mask: Flags, name: str, top: int
) -> list[tuple[Scalar, int]]:
    """The `top` values that most rows of two parts have, with their number, the most frequent first.

    The masks (count,) choose the rows; the second part is small. Ties go by the value. A row with a list counts for
    each of its texts. Missing is no value; an attribute that no row has counts nothing.
    """
    values, numbers = _tally(columns.get(name), mask)
    other_values, more = _tally(others.get(name), other_mask)
    totals = {_scalar(values, code): int(numbers[code]) for code in _most(values, numbers, top)}
    for code in np.flatnonzero(more).tolist():
        value = _scalar(other_values, code)
        # a value that is not in `totals` has no more than the least of the first part's top
        totals[value] = _count(values, numbers, value) + int(more[code])
    return sorted(totals.items(), key=lambda each: (-each[1], each[0]))[:top]


def extent(
    columns: Columns, mask: Flags, others: Columns, other_mask: Flags, name: str
) -> tuple[Number, Number] | None:
    """The least and the most number that the rows of two parts have; None if they have none."""
    ends: list[Number] = []
    for column, chosen in ((columns.get(name), mask), (others.get(name), other_mask)):
        if column.type in ("integer", "number"):
            values, numbers = _tally(column, chosen)
            codes = np.flatnonzero(numbers).tolist()
            if isinstance(values, SortedValues):
                codes = [*codes[:1], *codes[-1:]]
            ends += [value for code in codes if isinstance(value := values.value(code), int | float)]
    return (min(ends), max(ends)) if ends else None


def distinct(columns: Columns, mask: Flags, others: Columns, other_mask: Flags, name: str) -> int:
    """How many values the rows of two parts have together, if each row that lacks it counts as one of its own."""
    values, numbers = _tally(columns.get(name), mask)
    other_values, more = _tally(others.get(name), other_mask)
    missing = np.count_nonzero(mask) + np.count_nonzero(other_mask) - numbers.sum() - more.sum()
    codes = np.flatnonzero(more).tolist()
    new = sum(not _count(values, numbers, _scalar(other_values, code)) for code in codes)
    return int(np.count_nonzero(numbers) + new + missing)


def spread(columns: Columns, mask: Flags, others: Columns, other_mask: Flags, name: str) -> tuple[int, int]:
    """How many different values, texts of lists among them, the rows of two parts have, and how many rows have one."""
    values, numbers = _tally(columns.get(name), mask)
    other_values, more = _tally(others.get(name), other_mask)
    new = sum(not _count(values, numbers, _scalar(other_values, code)) for code in np.flatnonzero(more).tolist())
    parts = ((columns.get(name), mask), (others.get(name), other_mask))
    present = sum(int(np.count_nonzero(column.codes(len(chosen))[chosen] != MISSING)) for column, chosen in parts)
    return int(np.count_nonzero(numbers)) + new, present


def _tally(column: Column, mask: Flags) -> tuple[Values, Counts]:
    """The scalars of a column, and how many rows of the mask have each."""
    members = column.values.members() if column.type == "list of texts" else None
    codes = column.codes(len(mask))[mask] + 1  # the missing ones become 0
    numbers = np.bincount(codes, minlength=len(column.values) + 1)[1:]
    return (column.values, numbers) if members is None else (members.texts, members.totals(numbers))


def _scalar(values: Values, code: int) -> Scalar:
    value = values.value(code)
    assert value is not None and not isinstance(value, list)
    return value


def _count(values: Values, numbers: Counts, value: Scalar) -> int:
    code = values.code(value)
    return 0 if code is None or code >= len(numbers) else int(numbers[code])


def _most(values: Values, numbers: Counts, top: int) -> list[int]:
    """The codes of the `top` most frequent values, and of some that tie with the last."""
    codes = np.flatnonzero(numbers)
    if len(codes) > top:
        least = np.partition(numbers[codes], -top)[-top]
        ties = codes[numbers[codes] == least]
        if isinstance(values, SortedValues):  # only the first of many can be among the top
            ties = ties[:top]
        codes = np.concatenate([codes[numbers[codes] > least], ties])
    most: list[int] = codes.tolist()
    return most
