"""Orders of rows: mixed, and by the values of an attribute."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.items.columns import Column
from models.arrays import Rows
from models.errors import InputError

GOLDEN = (math.sqrt(5) - 1) / 2  # steps of this fraction of the total spread most evenly
MAX_TEXTS = 100_000  # distinct values of an attribute of texts to sort by: comparing more takes too long


def mixed(rows: Rows, *, start: int, end: int) -> Rows:
    """Return the places from `start` to `end` of rows (n,) in a mixed order: even steps through all of them."""
    count = len(rows)
    step = max(1, round(count * GOLDEN))
    while math.gcd(step, count) != 1:  # otherwise some rows would never be visited
        step += 1
    places = np.arange(min(start, count), min(end, count), dtype=np.int64)
    chosen: Rows = rows[places * step % max(1, count)]
    return chosen


def ordered_numbers(name: str, base: Column, fresh: Column) -> list[NDArray[np.float64]]:
    """Return a number for each distinct value of two parts of one attribute, in the order of the values."""
    columns = (base, fresh)
    if all(column.type != "text" for column in columns if len(column.values)):
        return [column.values.numbers() for column in columns]
    if sum(len(column.values) for column in columns) > MAX_TEXTS:
        raise too_many_texts(name)
    texts: list[Sequence[str]] = [
        [str(column.values.value(code)).casefold() for code in range(len(column.values))] for column in columns
    ]
    ranks = {text: rank for rank, text in enumerate(sorted({*texts[0], *texts[1]}))}
    return [np.array([ranks[text] for text in part], np.float64) for part in texts]


def too_many_texts(name: str) -> InputError:
    """The error of a sort by an attribute with too many texts."""
    return InputError(f"the attribute {name!r} has more than {MAX_TEXTS} different texts: sort by another one")
