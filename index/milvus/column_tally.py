"""Counts of the values of attributes among items in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.items import facets
from index.items.attribute_types import AttributeTypes
from index.items.columns import Columns, GrowingColumns
from index.items.values import Number, Scalar
from index.sources.cells import Value
from models.arrays import Flags

NOTHING = Columns(0, {}, {})
_NO_ROWS: Flags = np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True)
class ColumnTally:
    """Counts among items by their attributes in memory."""

    columns: GrowingColumns
    count: int

    @classmethod
    def among(cls, found: Sequence[Mapping[str, Value]], types: AttributeTypes) -> "ColumnTally":
        """Counts among items with these attributes."""
        columns = GrowingColumns(types)
        for each in found:
            columns.append(each)
        return cls(columns, len(found))

    def counts(self, name: str, top: int) -> Sequence[tuple[Scalar, int]]:
        return facets.counts(self.columns, self._mask, NOTHING, _NO_ROWS, name, top)

    def extent(self, name: str) -> tuple[Number, Number] | None:
        return facets.extent(self.columns, self._mask, NOTHING, _NO_ROWS, name)

    def distinct(self, name: str) -> int:
        """How many values there are, if each item that lacks it counts as one of its own."""
        return facets.distinct(self.columns, self._mask, NOTHING, _NO_ROWS, name)

    def spread(self, name: str) -> tuple[int, int]:
        """How many different values there are, and how many items have one."""
        return facets.spread(self.columns, self._mask, NOTHING, _NO_ROWS, name)

    @property
    def _mask(self) -> Flags:
        return np.ones(self.count, np.bool_)
