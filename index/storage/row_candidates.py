"""The rows that a filter lets through, of a snapshot on disk and the changes since: ranked, counted and listed."""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from index.items import facets
from index.items.values import Number, Scalar
from index.lexical.lexical_index import LexicalIndex
from index.lexical.matching import LexicalMatches, matches
from index.storage.open_snapshot import OpenSnapshot
from index.storage.overlay import OverlayState
from index.vectors.selection import DeadRows, Selection
from models.arrays import Embeddings, Flags, Rows, Scores

BLOCK = 65_536  # rows looked at in one step


@dataclass(frozen=True, slots=True)
class RowTally:
    """Counts among rows of the snapshot, by a mask (start,), and of the changes, by a mask (m,)."""

    base: OpenSnapshot
    overlay: OverlayState
    old: Flags
    fresh: Flags

    def counts(self, name: str, top: int) -> Sequence[tuple[Scalar, int]]:
        return facets.counts(self.base.items.attributes, self.old, self.overlay.columns, self.fresh, name, top)

    def extent(self, name: str) -> tuple[Number, Number] | None:
        return facets.extent(self.base.items.attributes, self.old, self.overlay.columns, self.fresh, name)


@dataclass(frozen=True, slots=True)
class RowCandidates:
    """The living ones of the snapshot's rows that are selected (None for all), and of the changes, (m,)."""

    base: OpenSnapshot
    overlay: OverlayState
    selection: Selection | None
    dead: DeadRows | None  # None if all of the snapshot's are alive
    fresh: Flags
    count: int  # of the snapshot
    total: int

    @property
    def at_most(self) -> int:
        return self.total

    def ranked(self, queries: Embeddings, depth: int, *, nprobe: int | None) -> tuple[Scores, Rows]:
        selection, dead = self.selection, self.dead
        scores, rows = self.base.ranking.best(queries, depth, only=selection, dead=dead, nprobe=nprobe)
        if self.total == self.count:
            return scores, rows
        above = float(scores[:, :depth].min()) if scores.shape[1] >= depth else -np.inf
        fresh_scores, fresh_rows = self.overlay.search(queries, depth, self.fresh, above=above)
        if not fresh_rows.shape[1]:
            return scores[:, :depth], rows[:, :depth]
        # the snapshot's scores may rise from block to block: a row counts as no better than those before it
        bounds = np.minimum.accumulate(scores, axis=1)
        bounds = np.concatenate([bounds, fresh_scores], axis=1)
        scores = np.concatenate([scores, fresh_scores], axis=1)
        rows = np.concatenate([rows, fresh_rows], axis=1)
        order = np.argsort(-bounds, axis=1, kind="stable")[:, : max(depth, 1)]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def matches(self, text: str) -> LexicalMatches:
        return matches(text, lexical_indexes(self.base, self.overlay), self._flags())

    def mask(self, rows: Rows) -> Flags:
        start = self.overlay.start
        old = rows < start
        flags = np.empty(len(rows), np.bool_)
        flags[old], flags[~old] = self._old()[rows[old]], self.fresh[rows[~old] - start]
        return flags

    def rows(self) -> Rows:
        rows: Rows = np.flatnonzero(self._flags())
        return rows

    def by_id(self, after: str, limit: int, check: Callable[[], None]) -> Sequence[int]:
        pairs = heapq.merge(self._of_snapshot(after, check), self._of_changes(after, limit))
        return [row for _, row in islice(pairs, limit)]

    def tally(self) -> RowTally:
        return RowTally(self.base, self.overlay, self._old(), self.fresh)

    def group_count(self, name: str, *, without: Sequence[int]) -> int:
        start = self.overlay.start
        mask, fresh = self._old().copy(), self.fresh.copy()
        mask[[row for row in without if row < start]] = False
        fresh[[row - start for row in without if row >= start]] = False
        return facets.distinct(self.base.items.attributes, mask, self.overlay.columns, fresh, name)

    def notes(self) -> Sequence[str]:
        if self.base.missing and not self._is_scanned():
            return ["a part of the items could not be searched"]
        return []

    def diagnostics(self, nprobe: int | None) -> Sequence[str]:
        ranking, selection, missing = self.base.ranking, self.selection, self.base.missing
        if self._is_scanned():  # by their vectors, whatever shard they are in
            return [f"the filter leaves {self.count} items: all of them were compared exactly"]
        diagnostics = []
        if missing:
            lost = len(ranking.exact.vectors) - ranking.shards.count
            unit = "items" if ranking.exact.further is None else "images"
            diagnostics.append(f"{', '.join(missing)} cannot be read: {lost} {unit} were not searched")
        if selection is not None:
            probes = ranking.probes(selection, nprobe)
            lists = f"{probes.count} of {ranking.shards.nlist} lists were searched"
            diagnostics.append(lists if probes.reach is None else f"{lists}, and those that may hold better items")
        return diagnostics

    def _is_scanned(self) -> bool:
        return self.selection is not None and self.base.ranking.scans(self.selection)

    def _old(self) -> Flags:
        """The mask (start,) of those of the snapshot."""
        alive = self.overlay.alive[: self.overlay.start]
        if self.selection is None:
            return alive
        return self.selection.mask if self.dead is None else self.selection.mask & alive

    def _flags(self) -> Flags:
        """The mask (n,) of them among all rows."""
        flags: Flags = np.concatenate([self._old(), self.fresh])
        return flags

    def _of_snapshot(self, after: str, check: Callable[[], None]) -> Iterator[tuple[str, int]]:
        """Yield the ids after `after` of the snapshot's rows, in order, with their rows."""
        items, mask = self.base.items, self._old()
        order = items.by_id
        first = bisect_right(order, after, key=items.ids.__getitem__)
        for start in range(first, len(order), BLOCK):
            check()
            rows = order[start : start + BLOCK]
            yield from ((items.ids[row], row) for row in rows[mask[rows]].tolist())

    def _of_changes(self, after: str, limit: int) -> list[tuple[str, int]]:
        """Return the first ids after `after` of the changes' rows, in order, with their rows."""
        overlay = self.overlay
        rows = (np.flatnonzero(self.fresh) + overlay.start).tolist()
        return heapq.nsmallest(limit, ((id, row) for row in rows if (id := overlay.item(row).id) > after))


def lexical_indexes(base: OpenSnapshot, overlay: OverlayState) -> list[LexicalIndex]:
    """The indexes of words of a snapshot and of its changes, as far as they have one."""
    return [index for index in (base.lexical, overlay.lexical) if index is not None]
