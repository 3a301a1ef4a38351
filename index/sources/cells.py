"""Cells of tables as values of attributes: text, numbers, booleans, lists of texts, or None."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from uuid import UUID

Value = str | int | float | bool | list[str] | None  # of an attribute

NO_TEXT = "half a character that UTF-8 cannot hold: write it again as whole text"
EXACT = 2**53  # up to it a float64 holds every whole number
MAX_TEXT = 1024 * 1024  # characters of a value


class Cells:
    """Cells of a table as values of attributes; those that no attribute can hold are left out and counted."""

    def __init__(self) -> None:
        self._left_out: dict[tuple[str, str], tuple[int, str]] = {}  # by name and reason: how many, the first item

    def attributes(self, cells: Mapping[str, object], id: str) -> dict[str, Value]:
        """Return the attributes of the item of that id."""
        attributes: dict[str, Value] = {}
        for name, cell in cells.items():
            try:
                if not is_utf8(name):
                    raise ValueError(f"its name has {NO_TEXT}")
                attributes[name] = attribute_value(cell)
            except ValueError as reason:
                count, first = self._left_out.get((escape_text(name), str(reason)), (0, id))
                self._left_out[escape_text(name), str(reason)] = (count + 1, first)
        return attributes

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each attribute with values that were left out."""
        for (name, reason), (count, first) in self._left_out.items():
            values = "a value was" if count == 1 else f"{count} values were"
            yield f"{values} left out of the attribute {name!r}, the first of item {first!r}: {reason}"


def attribute_value(cell: object) -> Value:
    """Return a cell of a table as the value of an attribute; raises ValueError with the reason if none can hold it.

    An empty list and the NaN of a data frame are missing values; dates and times are ISO text, durations seconds.
    """
    if isinstance(cell, date | time_of_day):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    if isinstance(cell, UUID):
        return str(cell)
    if isinstance(cell, Decimal):
        whole = whole_number(cell)
        cell = float(cell) if whole is None else whole
    if isinstance(cell, float) and math.isnan(cell):
        return None
    if isinstance(cell, float) and math.isinf(cell):
        raise ValueError("it is infinite: give a finite number or leave it empty")
    if isinstance(cell, list):
        texts = [part for part in map(attribute_value, cell) if part is not None]
        if any(isinstance(part, list) for part in texts):
            raise ValueError("it is a list of lists: give a list of texts")
        return list(dict.fromkeys(part if isinstance(part, str) else json.dumps(part) for part in texts)) or None
    if isinstance(cell, str) and len(cell) > MAX_TEXT:
        raise ValueError(f"it has more than {MAX_TEXT} characters: shorten it")
    if isinstance(cell, str) and not is_utf8(cell):
        raise ValueError(f"it has {NO_TEXT}")
    if cell is None or isinstance(cell, str | int | float | bool):
        return cell
    raise ValueError(
        f"it is a {type(cell).__name__}: give text, a number, a date, true or false, a list of texts or nothing"
    )


def whole_number(cell: Decimal) -> int | None:
    """Return a decimal without places, or a whole one that a float may not hold, with all its digits, else None."""
    if not cell.is_finite() or cell != cell.to_integral_value():
        return None
    return int(cell) if cell.as_tuple().exponent == 0 or abs(cell) > EXACT else None


def is_utf8(text: str) -> bool:
    """False for text with lone surrogates: Python's sign for a file name's foreign bytes, or a broken JSON escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escape_text(text: str) -> str:
    """The text with each lone surrogate as an escape, so that it can be written."""
    return text.encode("utf-8", "backslashreplace").decode()
