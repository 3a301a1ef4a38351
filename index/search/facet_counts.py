"""The facets of searches over the same rows: each attribute counted once, with as many values as any of them needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from index.items.facets import Facets, Ranges
from index.items.values import Number, Scalar
from index.search.request import SearchRequest
from index.storage.contents import Contents, Tally


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Counts of the values of attributes, and the ranges of numbers, among the rows of a tally."""

    contents: Contents
    tally: Tally
    requests: Sequence[SearchRequest]
    _counts: dict[str, Sequence[tuple[Scalar, int]]] = field(default_factory=dict)
    _ranges: dict[str, tuple[Number, Number]] = field(default_factory=dict)

    def count(self, name: str) -> None:
        """Counts an attribute unless that was done; raises InputError if no item has it."""
        if name in self._counts:
            return
        self.contents.check_attributes({name})
        top = max(request.facet_limit(name) for request in self.requests)
        self._counts[name] = self.tally.counts(name, top)
        extent = self.tally.extent(name)
        if extent is not None:
            self._ranges[name] = extent

    def facets(self, request: SearchRequest) -> Facets:
        """Return the counted values that a request needs, the most frequent first."""
        return {name: self._counts[name][: request.facet_limit(name)] for name in request.facets}

    def ranges(self, request: SearchRequest) -> Ranges:
        """Return the ranges of the attributes of a request that hold numbers."""
        return {name: self._ranges[name] for name in request.facets if name in self._ranges}
