"""Pages of a gallery's items without a query: filtered, sorted by attributes or in a mixed order, with facets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from index.items.facets import Facets, Ranges
from index.items.items import GalleryItem
from index.search.facet_counts import FacetCounts
from index.search.request import SearchRequest
from index.search.result_order import with_fields
from index.storage.contents import Candidates, Contents
from index.storage.row_order import mixed
from models.arrays import Rows


@dataclass(frozen=True, slots=True)
class BrowsedPage:
    """The items of a page, the number of items on all pages, and the facets over these."""

    items: list[GalleryItem]
    total: int
    facets: Facets
    ranges: Ranges


def browsed(contents: Contents, request: SearchRequest, check: Callable[[], None]) -> BrowsedPage:
    """Return the page that a request describes by `k`, `offset`, `filter`, `facets`, `order` and `fields`.

    Items that the order leaves open are in a mixed order, which stays the same for a snapshot. `check` raises if the
    work must end. Raises InputError for an unknown attribute, or if too many different texts are to be sorted.
    """
    candidates = contents.candidates(request.filter, check)
    counts = FacetCounts(contents, candidates.tally(), [request])
    for name in request.facets:
        check()
        counts.count(name)
    rows = _page(contents, candidates, request, check)
    items = [with_fields(contents.item(row), request.fields) for row in rows.tolist()]
    return BrowsedPage(items, candidates.total, counts.facets(request), counts.ranges(request))


def _page(contents: Contents, candidates: Candidates, request: SearchRequest, check: Callable[[], None]) -> Rows:
    """Return the rows of the page (m,)."""
    rows = candidates.rows()
    start, end, order = request.offset, request.offset + request.k, request.order
    if not order.sort and order.last is None:
        return mixed(rows, start=start, end=end)
    rows = mixed(rows, start=0, end=len(rows))
    for key in reversed(order.sort):  # each keeps the order of its ties
        if key.attribute is not None:
            check()
            numbers = contents.sort_numbers(key.attribute, rows)
            rows = rows[np.argsort(-numbers if key.descending else numbers, kind="stable")]
    if order.last is not None:
        is_last = contents.candidates(order.last, check).mask(rows)
        rows = rows[np.argsort(is_last, kind="stable")]
    return rows[start:end]
