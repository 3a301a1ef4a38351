"""Attributes of items as typed columns, of a snapshot or growing with its changes.

A column holds the distinct values of an attribute, and for each row the code of its value.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from index.items.attribute_types import AttributeType, AttributeTypes, convert_attributes
from index.items.values import GrowingValues, Values
from index.sources.cells import Value
from models.arrays import Flags
from models.errors import InputError

FIRST_ROWS = 64  # a column's room when it first grows; it doubles from there
MISSING = -1  # the code of a row that lacks the attribute


class Column:
    """One attribute: for each row the code of its value."""

    def __init__(self, values: Values, codes: NDArray[np.int32]) -> None:
        self.values = values
        self._codes = codes

    @property
    def type(self) -> AttributeType:
        """The type of all values."""
        return self.values.type

    @property
    def has_missing(self) -> bool:
        """True if a row of a snapshot lacks the attribute."""
        return bool(np.any(self._codes == MISSING))

    def codes(self, count: int) -> NDArray[np.int32]:
        """The codes (count,) of the first rows, MISSING if a row has no value."""
        return self._codes[:count]

    def at(self, row: int) -> Value:
        """The value of that row, None if it is missing."""
        code = self._codes.item(row)
        return None if code == MISSING else self.values.value(code)

    def put(self, row: int, value: Value) -> None:
        """Set the value of the next row of a column that grows; readers of the rows before it are not disturbed."""
        assert isinstance(self.values, GrowingValues)
        code = MISSING if value is None else self.values.add(value)
        if row == len(self._codes):
            codes = np.empty(max(2 * row, FIRST_ROWS), np.int32)  # the rows that are not written take no memory yet
            codes[:row] = self._codes
            self._codes = codes
        self._codes[row] = code

    def rows(self, count: int, held: Callable[[Values], Flags], *, missing: bool) -> Flags:
        """Mask (count,) of the first `count` rows whose value is held; `missing` is the flag of rows without.

        `held` gets the distinct scalars. A list is held if one of its texts is.
        """
        if self.type == "list of texts":
            members = self.values.members()
            flags = members.any(held(members.texts), len(self.values))
        else:
            flags = held(self.values)
        # the code −1 takes the last flag
        rows: Flags = np.take(np.append(flags, missing), self.codes(count))
        return rows


class Columns:
    """The attributes of rows 0 to n-1.

    `types` has the type of each attribute that is known, even if no row has it any more; None if none ever had it.
    """

    def __init__(self, count: int, columns: Mapping[str, Column], types: AttributeTypes) -> None:
        self.types = types
        self._count = count
        self._columns = columns

    def get(self, name: str) -> Column:
        """The attribute of that name; if no row has it, one that is missing everywhere."""
        column = self._columns.get(name)
        return Column(GrowingValues("text"), _missing(self._count)) if column is None else column

    def at(self, row: int) -> dict[str, Value]:
        """The attributes of that row, without those that it lacks."""
        return {name: value for name, column in self._columns.items() if (value := column.at(row)) is not None}

    def __len__(self) -> int:
        return self._count


class GrowingColumns(Columns):
    """Columns that one thread appends to, while others read the rows that there were when they began."""

    def __init__(self, types: AttributeTypes) -> None:
        """Without rows; an attribute without a type in `types` gets the type of its first value."""
        self.types: dict[str, AttributeType | None] = dict(types)
        super().__init__(0, {}, self.types)

    def learn(self, attributes: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values as their attributes hold them, without those that they cannot hold; all become known.

        There are such values in changes that were written when the attribute had another type.
        """
        values: dict[str, Value] = {}
        for name, value in attributes.items():
            try:
                values |= convert_attributes({name: value}, self.types)
            except InputError:
                continue
        return values

    def append(self, attributes: Mapping[str, Value]) -> None:
        """Add a row; `len` shows it to readers. A value that its attribute cannot hold is missing."""
        row, values, columns = self._count, self.learn(attributes), dict(self._columns)
        for name in [name for name in values if name not in columns]:
            type = self.types[name]
            assert type is not None
            columns[name] = Column(GrowingValues(type), _missing(row))
        for name, column in columns.items():
            column.put(row, values.get(name))
        self._columns = columns  # a new one: a reader may iterate over the old one
        self._count = row + 1


def _missing(rows: int) -> NDArray[np.int32]:
    return np.full(rows, MISSING, np.int32)
