"""Order and choice among the first hits of a ranking: sorted by attributes, some last, those below a score left out."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.items import filters
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.items.values import Scalar
from index.sources.cells import Value
from index.storage.contents import Contents

WINDOW = 200  # first hits of the ranking that are put in another order
MAX_WINDOW = 1_000


@dataclass(frozen=True, slots=True)
class SortKey:
    """An attribute to sort by, or the score (None)."""

    attribute: str | None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class ResultOrder:
    """How the first `window` hits are arranged for the caller; later ones are not returned.

    `sort` has the most important key first; ties stay as they were ranked, and missing values come last in either
    direction. Hits for which `last` holds come after all others; those that score less than `min_score` are no hits.
    """

    sort: tuple[SortKey, ...] = ()
    last: Filter | None = None
    min_score: float | None = None
    window: int = WINDOW
    is_counted: bool = False  # facets count these hits, not all items that pass the filter

    @property
    def is_plain(self) -> bool:
        """True if the hits stay as they were ranked, all of them."""
        return not self.sort and self.last is None and self.min_score is None and not self.is_counted

    @property
    def names(self) -> set[str]:
        """The attributes that it depends on."""
        return {key.attribute for key in self.sort if key.attribute is not None} | (
            set() if self.last is None else filters.names(self.last)
        )

    def arrange(
        self,
        rows: Sequence[int],
        scores: Mapping[int, float],
        certain: Collection[int],
        contents: Contents,
        check: Callable[[], None],
    ) -> list[int]:
        """Return rows, given as ranked, in this order; `check` raises if the work must end.

        Rows that are `certain` are hits whatever they score.
        """
        least = -math.inf if self.min_score is None else self.min_score
        arranged = [row for row in rows if scores[row] >= least or row in certain]
        for key in reversed(self.sort):
            if key.attribute is None:
                arranged.sort(key=scores.__getitem__, reverse=key.descending)
            else:
                arranged = _sorted(arranged, key.attribute, contents, descending=key.descending)
        if self.last is not None and arranged:
            flags = contents.candidates(self.last, check).mask(np.array(arranged))
            is_last = dict(zip(arranged, flags.tolist(), strict=True))
            arranged.sort(key=is_last.__getitem__)
        return arranged


PLAIN_ORDER = ResultOrder()


def with_fields(item: GalleryItem, fields: Sequence[str] | None) -> GalleryItem:
    """Return the item with these attributes only; None stands for all."""
    if fields is None:
        return item
    attributes = item.attributes
    return replace(item, attributes={name: attributes[name] for name in fields if name in attributes})


def _sorted(rows: Sequence[int], name: str, contents: Contents, *, descending: bool) -> list[int]:
    """Return the rows by their values of an attribute; a sort in either direction keeps the order of ties."""
    values = dict(zip(rows, contents.values(name, rows), strict=True))
    present = [row for row in rows if values[row] is not None]
    present.sort(key=lambda row: _comparable(values[row]), reverse=descending)
    return present + [row for row in rows if values[row] is None]


def _comparable(value: Value) -> Scalar:
    assert value is not None and not isinstance(value, list)  # checked when the request came
    return value.casefold() if isinstance(value, str) else value
