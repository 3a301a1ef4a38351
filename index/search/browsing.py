"""Pages of a gallery's items without a query: filtered, sorted by attributes or in a mixed order, with facets."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.items.columns import Column
from index.items.facets import Facets, Ranges
from index.items.items import GalleryItem
from index.search.facet_counts import FacetCounts
from index.search.request import SearchRequest
from index.search.result_order import SortKey, with_fields
from index.storage.view import Candidates, RowView
from models.arrays import Flags, Rows
from models.errors import InputError

GOLDEN = (math.sqrt(5) - 1) / 2  # steps of this fraction of the total spread most evenly
MAX_TEXTS = 100_000  # distinct values of an attribute of texts to sort by: comparing more takes too long


@dataclass(frozen=True, slots=True)
class BrowsedPage:
    """The items of a page, the number of items on all pages, and the facets over these."""

    items: list[GalleryItem]
    total: int
    facets: Facets
    ranges: Ranges


def browsed(view: RowView, request: SearchRequest, check: Callable[[], None]) -> BrowsedPage:
    """Return the page that a request describes by `k`, `offset`, `filter`, `facets`, `order` and `fields`.

    Items that the order leaves open are in a mixed order, which stays the same for a snapshot. `check` raises if the
    work must end. Raises InputError for an unknown attribute, or if too many different texts are to be sorted.
    """
    candidates = view.candidates(request.filter, check)
    counts = FacetCounts.of_candidates(view, candidates, [request])
    for name in request.facets:
        check()
        counts.count(name)
    rows = _page(view, candidates, request, check)
    items = [with_fields(view.item(row), request.fields) for row in rows.tolist()]
    return BrowsedPage(items, candidates.total, counts.facets(request), counts.ranges(request))


def mixed(rows: Rows, *, start: int, end: int) -> Rows:
    """Return the places from `start` to `end` of rows (n,) in a mixed order: even steps through all of them."""
    count = len(rows)
    step = max(1, round(count * GOLDEN))
    while math.gcd(step, count) != 1:  # otherwise some rows would never be visited
        step += 1
    places = np.arange(min(start, count), min(end, count), dtype=np.int64)
    chosen: Rows = rows[places * step % max(1, count)]
    return chosen


def _page(view: RowView, candidates: Candidates, request: SearchRequest, check: Callable[[], None]) -> Rows:
    """Return the rows of the page (m,)."""
    rows: Rows = np.flatnonzero(_flags(view, candidates))
    start, end, order = request.offset, request.offset + request.k, request.order
    if not order.sort and order.last is None:
        return mixed(rows, start=start, end=end)
    rows = mixed(rows, start=0, end=len(rows))
    for key in reversed(order.sort):  # each keeps the order of its ties
        if key.attribute is not None:
            check()
            rows = rows[np.argsort(_sort_values(view, key, rows), kind="stable")]
    if order.last is not None:
        is_last = _flags(view, view.candidates(order.last, check))
        rows = rows[np.argsort(is_last[rows], kind="stable")]
    return rows[start:end]


def _flags(view: RowView, candidates: Candidates) -> Flags:
    """Return the mask (n,) of the candidates among all rows."""
    flags: Flags = np.concatenate([view.base_mask(candidates), candidates.fresh])
    return flags


def _sort_values(view: RowView, key: SortKey, rows: Rows) -> NDArray[np.float64]:
    """Return numbers (m,) that sort rows (m,) by an attribute, in ascending order; NaN, the last, if it is missing."""
    assert key.attribute is not None
    start = view.overlay.start
    base, fresh = view.base.items.attributes.get(key.attribute), view.overlay.columns.get(key.attribute)
    columns = ((base, start), (fresh, view.overlay.count))
    parts = zip(_ranks(key.attribute, base, fresh), columns, strict=True)
    numbers = np.concatenate([np.append(ranks, np.nan)[column.codes(count)] for ranks, (column, count) in parts])
    chosen: NDArray[np.float64] = numbers[rows]
    return -chosen if key.descending else chosen


def _ranks(name: str, base: Column, fresh: Column) -> list[NDArray[np.float64]]:
    """Return a number for each distinct value of two parts of one attribute, in the order of the values."""
    columns = (base, fresh)
    if all(column.type != "text" for column in columns if len(column.values)):
        return [column.values.numbers() for column in columns]
    if sum(len(column.values) for column in columns) > MAX_TEXTS:
        raise InputError(f"the attribute {name!r} has more than {MAX_TEXTS} different texts: sort by another one")
    texts = [[str(column.values.value(code)).casefold() for code in range(len(column.values))] for column in columns]
    ranks = {text: rank for rank, text in enumerate(sorted({*texts[0], *texts[1]}))}
    return [np.array([ranks[text] for text in part], np.float64) for part in texts]
