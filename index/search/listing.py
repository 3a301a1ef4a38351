"""Pages of a gallery's items in the order of their ids, which neither a change nor a new snapshot alters."""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from index.items.filters import Filter
from index.items.items import GalleryItem
from index.storage.view import Candidates, RowView

BLOCK = 65_536  # rows looked at in one step


def listed(
    view: RowView, filter: Filter | None, *, after: str, limit: int, check: Callable[[], None]
) -> tuple[list[GalleryItem], int]:
    """Return the first items that pass the filter and whose ids follow `after`, and how many pass it in all.

    An item that exists from the first page to the last is on exactly one, whatever changes meanwhile. Raises
    InputError if the filter names an attribute that no item has; `check` raises if the work must end.
    """
    candidates = view.candidates(filter, check)
    pairs = heapq.merge(_of_snapshot(view, candidates, after, check), _of_changes(view, candidates, after, limit))
    return [view.item(row) for _, row in islice(pairs, limit)], candidates.total


def _of_snapshot(
    view: RowView, candidates: Candidates, after: str, check: Callable[[], None]
) -> Iterator[tuple[str, int]]:
    """Yield the ids after `after` of the snapshot's candidates, in order, with their rows."""
    items, mask = view.base.items, view.base_mask(candidates)
    order = items.by_id
    first = bisect_right(order, after, key=items.ids.__getitem__)
    for start in range(first, len(order), BLOCK):
        check()
        rows = order[start : start + BLOCK]
        yield from ((items.ids[row], row) for row in rows[mask[rows]].tolist())


def _of_changes(view: RowView, candidates: Candidates, after: str, limit: int) -> list[tuple[str, int]]:
    """Return the first ids after `after` of the candidates that were changed since, in order, with their rows."""
    overlay = view.overlay
    rows = (np.flatnonzero(candidates.fresh) + overlay.start).tolist()
    return heapq.nsmallest(limit, ((id, row) for row in rows if (id := overlay.item(row).id) > after))
