"""Facets: how many of the found rows have each value of an attribute."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from index.items.columns import Column, Columns
from index.items.values import NULL, decode
from index.sources.rows import Value
from models.arrays import Flags

Facets: TypeAlias = Mapping[str, Sequence[tuple[Value, int]]]  # by attribute, the most frequent first

MOST = 100  # values of an attribute


def counts(columns: Columns, name: str, mask: Flags, top: int) -> list[tuple[Value, int]]:
    """The `top` values that most rows of the mask (count,) have, with their number, the most frequent first.

    Ties go by the JSON text. Missing is no value; an attribute that no row has counts nothing.
    """
    nothing = Columns.of([])
    return joint_counts(columns, mask, nothing, np.empty(0, np.bool_), name, top)


def joint_counts(
    columns: Columns, mask: Flags, others: Columns, other_mask: Flags, name: str, top: int
) -> list[tuple[Value, int]]:
    """As `counts`, of the rows of two parts together, of which the second is small."""
    column, other = columns.get(name), others.get(name)
    numbers, more = _numbers(column, mask), _numbers(other, other_mask)
    found = {column.text(code): int(numbers[code]) for code in _most(column, numbers, top)}
    for text, number in ((other.text(code), int(more[code])) for code in np.flatnonzero(more).tolist()):
        code = column.code(text)
        known = int(numbers[code]) if code is not None and code < len(numbers) else 0
        found[text] = known + number  # whatever is not here has no more than the least of the first part's top
    ordered = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return [(decode(text), number) for text, number in ordered[:top]]


def distinct(columns: Columns, mask: Flags, others: Columns, other_mask: Flags, name: str) -> int:
    """How many values the rows of two parts have together, where each row that lacks it has one of its own."""
    column, other = columns.get(name), others.get(name)
    numbers, more = _numbers(column, mask), _numbers(other, other_mask)
    missing = np.count_nonzero(mask) + np.count_nonzero(other_mask) - numbers.sum() - more.sum()
    codes = (column.code(other.text(code)) for code in np.flatnonzero(more).tolist())
    new = sum(code is None or code >= len(numbers) or not numbers[code] for code in codes)
    return int(np.count_nonzero(numbers) + new + missing)


def _numbers(column: Column, mask: Flags) -> NDArray[np.int64]:
    """How many rows of the mask have the value of each code, none having the missing one."""
    kept, fresh = column.values()
    numbers = np.bincount(column.codes(len(mask))[mask], minlength=len(kept) + len(fresh))  # (m,)
    missing = column.code(NULL)
    if missing is not None and missing < len(numbers):
        numbers[missing] = 0
    return numbers


def _most(column: Column, numbers: NDArray[np.int64], top: int) -> list[int]:
    """The codes of the `top` most frequent values, and of some that tie with the last."""
    codes = np.flatnonzero(numbers)
    if len(codes) > top:
        least = np.partition(numbers[codes], -top)[-top]
        ties = codes[numbers[codes] == least]
        kept, _ = column.values()
        # the values of the file are sorted by text, so that only the first of many can be among the top
        ties = np.concatenate([ties[:top], ties[top:][ties[top:] >= len(kept)]])
        codes = np.concatenate([codes[numbers[codes] > least], ties])
    found: list[int] = codes.tolist()
    return found
