"""The visible attributes of all categories and their values, as numbers for a classifier."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.arrays import Rows
from training.catalogue.world.world import CATEGORIES, COLOURS, PATTERNS, Product

ABSENT = -1  # the code of an attribute that the product's category lacks


def _values() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {
        "category": tuple(CATEGORIES),
        "colour": COLOURS,
        "pattern": PATTERNS,
        "second_colour": COLOURS,
    }
    for category in CATEGORIES.values():
        for name, values in category.attributes.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *values)))
    return found


VALUES: Mapping[str, tuple[str, ...]] = _values()  # of each attribute, in every category that has it


def codes(products: Sequence[Product]) -> Rows:
    """Return the place of each product's value among VALUES, int64 (N, A); ABSENT if it has none."""
    rows = [product.facts() for product in products]
    return np.array(
        [[values.index(row[name]) if name in row else ABSENT for name, values in VALUES.items()] for row in rows],
        dtype=np.int64,
    ).reshape(len(rows), len(VALUES))
