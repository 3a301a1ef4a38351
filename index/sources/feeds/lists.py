"""Cells that hold several texts, as tags and sizes."""

import json
import re
from collections.abc import Sequence

from index.sources.feeds.column_names import fold

NAMES = frozenset(  # of columns that hold several texts, folded
    {
        "tags", "labels", "keywords", "sizes", "colors", "colours", "categories", "materials", "features", "styles",
        "größen", "farben", "kategorien", "materialien", "schlagwörter", "tailles", "couleurs", "catégories",
        "étiquettes", "tallas", "colores", "categorías", "etiquetas",
    }
)  # fmt: skip
SEPARATORS = "|;,"  # the first that a column has separates
DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}")
SCALARS = str | int | float | bool


def read(name: str, cells: Sequence[str]) -> list[list[str] | None] | None:
    """Return the lists of a column, None for an empty cell; None if it is not one of lists.

    A column of lists has a name that says so, or holds arrays of JSON.
    """
    filled = [cell for cell in cells if cell]
    if filled and all(cell.startswith("[") and cell.endswith("]") for cell in filled):
        arrays = [_array(cell) if cell else [] for cell in cells]
        if all(array is not None for array in arrays):
            return [array or None for array in arrays]
    if fold(name) not in NAMES:
        return None
    separator = next((mark for mark in SEPARATORS if any(mark in cell for cell in filled)), ",")
    if separator == "," and any(map(DECIMAL_COMMA.fullmatch, filled)):
        return None  # as 36,5: one size or two
    return [
        list(dict.fromkeys(part.strip() for part in cell.split(separator) if part.strip())) or None for cell in cells
    ]


def _array(cell: str) -> list[str] | None:
    try:
        parts = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parts, list) or not all(isinstance(part, SCALARS) for part in parts):
        return None
    return list(dict.fromkeys(part if isinstance(part, str) else json.dumps(part) for part in parts))
