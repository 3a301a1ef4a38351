"""The facets of searches that share a filter: each attribute counted once, with as many values as any of them needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from index.items import facets
from index.items.facets import Facets, Ranges
from index.items.values import Number, Scalar
from index.search.request import SearchRequest
from index.storage.view import Candidates, RowView


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Counts of the values of attributes, and the ranges of numbers, among the candidates."""

    rows: RowView
    candidates: Candidates
    requests: Sequence[SearchRequest]
    _counts: dict[str, Sequence[tuple[Scalar, int]]] = field(default_factory=dict)
    _ranges: dict[str, tuple[Number, Number]] = field(default_factory=dict)

    def count(self, name: str) -> None:
        """Counts an attribute unless that was done; raises InputError if no item has it."""
        if name in self._counts:
            return
        top = max(request.facet_limit(name) for request in self.requests)
        self._counts.update(self.rows.facets([name], self.candidates, top=top))
        mask, overlay = self.rows.base_mask(self.candidates), self.rows.overlay
        attributes = self.rows.base.items.attributes
        extent = facets.extent(attributes, mask, overlay.columns, self.candidates.fresh, name)
        if extent is not None:
            self._ranges[name] = extent

    def facets(self, request: SearchRequest) -> Facets:
        """Return the counted values that a request needs, the most frequent first."""
        return {name: self._counts[name][: request.facet_limit(name)] for name in request.facets}

    def ranges(self, request: SearchRequest) -> Ranges:
        """Return the ranges of the attributes of a request that hold numbers."""
        return {name: self._ranges[name] for name in request.facets if name in self._ranges}
