"""The facets of searches over the same rows: each attribute counted once, with as many values as any of them needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from index.items import facets
from index.items.facets import Facets, Ranges
from index.items.values import Number, Scalar
from index.search.request import SearchRequest
from index.storage.view import Candidates, RowView
from models.arrays import Flags


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Counts of the values of attributes, and the ranges of numbers, among rows of the snapshot and of the changes."""

    view: RowView
    base: Flags  # mask (start,) of the snapshot's rows to count
    fresh: Flags  # mask (m,) of those of the changes
    requests: Sequence[SearchRequest]
    _counts: dict[str, Sequence[tuple[Scalar, int]]] = field(default_factory=dict)
    _ranges: dict[str, tuple[Number, Number]] = field(default_factory=dict)

    @classmethod
    def of_candidates(cls, view: RowView, candidates: Candidates, requests: Sequence[SearchRequest]) -> Self:
        """Counts over all rows that a filter lets through."""
        return cls(view, view.base_mask(candidates), candidates.fresh, requests)

    @classmethod
    def of_rows(cls, view: RowView, rows: Sequence[int], request: SearchRequest) -> Self:
        """Counts over some rows, the hits of a request."""
        flags = np.zeros(len(view.overlay.alive), np.bool_)
        flags[np.array(rows, np.int64)] = True
        return cls(view, flags[: view.overlay.start], flags[view.overlay.start :], [request])

    def count(self, name: str) -> None:
        """Counts an attribute unless that was done; raises InputError if no item has it."""
        if name in self._counts:
            return
        self.view.check_attributes({name})
        top = max(request.facet_limit(name) for request in self.requests)
        columns, others = self.view.base.items.attributes, self.view.overlay.columns
        self._counts[name] = facets.counts(columns, self.base, others, self.fresh, name, top)
        extent = facets.extent(columns, self.base, others, self.fresh, name)
        if extent is not None:
            self._ranges[name] = extent

    def facets(self, request: SearchRequest) -> Facets:
        """Return the counted values that a request needs, the most frequent first."""
        return {name: self._counts[name][: request.facet_limit(name)] for name in request.facets}

    def ranges(self, request: SearchRequest) -> Ranges:
        """Return the ranges of the attributes of a request that hold numbers."""
        return {name: self._ranges[name] for name in request.facets if name in self._ranges}
