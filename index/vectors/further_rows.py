"""Rows of further images: after the vectors of the items, one an item, follow those of the items' further images."""

from dataclasses import dataclass

import numpy as np

from index.vectors.selection import DeadRows, Selection
from models.arrays import Rows, Scores


@dataclass(frozen=True, slots=True, eq=False)
class FurtherRows:
    """The items of further images: of `count` items, `owners` (f,), ascending, has the row of each further image's.

    An item's row is that of its first image; the further images have the rows from `count` on.
    """

    count: int
    owners: Rows

    def __len__(self) -> int:
        return len(self.owners)

    def rows_of(self, items: Rows) -> tuple[Rows, Rows]:
        """The rows (f,) of the further images of some items (m,), and for each the place (f,) of its item, ascending.

        An item may be −1, which has none.
        """
        begins, ends = np.searchsorted(self.owners, items), np.searchsorted(self.owners, items, "right")
        counts = ends - begins
        places = np.repeat(np.arange(len(items)), counts)
        within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.count + np.repeat(begins, counts) + within, places

    def selection(self, only: Selection) -> Selection:
        """The items of a selection with their further images."""
        return only.expanded(self.owners)

    def dead(self, dead: DeadRows) -> DeadRows:
        """Dead items with their further images."""
        rows, _ = self.rows_of(dead.rows)
        return DeadRows(np.concatenate([dead.rows, rows]), np.concatenate([dead.alive, dead.alive[self.owners]]))

    def items(self, scores: Scores, rows: Rows) -> tuple[Scores, Rows]:
        """Ranked images (B, k) as items, each at its best image, ties by item; −1 and −∞ fill the end."""
        items = rows.copy()
        is_further = rows >= self.count
        items[is_further] = self.owners[rows[is_further] - self.count]
        first = np.zeros(items.shape, np.bool_)
        for line, flags in zip(items, first, strict=True):
            flags[np.unique(line, return_index=True)[1]] = True
        first &= items >= 0
        scores, items = np.where(first, scores, -np.inf).astype(np.float32), np.where(first, items, -1)
        order = np.lexsort((items, -scores))
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(items, order, axis=1)


def raise_scores(scores: Scores, places: Rows, further: Scores) -> None:
    """Raises scores (B, n) in place to those of further images (B, f) whose items are at `places` (f,), ascending."""
    if len(places):
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        best, raised = np.maximum.reduceat(further, starts, axis=1), places[starts]
        scores[:, raised] = np.maximum(scores[:, raised], best)
