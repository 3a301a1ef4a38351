"""A snapshot and the changes since, as one row space: rows below `start` are the snapshot's, the others of changes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock

import numpy as np
from cachetools import LRUCache

from index.items import facets, filters
from index.items.columns import Columns
from index.items.facets import Facets
from index.items.filters import Filter
from index.items.items import GalleryItem, ItemTable
from index.sources.rows import Value
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.overlay import Overlay, OverlayState
from index.storage.snapshot import Snapshot
from index.vectors.exact import DECIMALS, Exact
from index.vectors.ranking import Ranking
from index.vectors.selection import Selection
from index.vectors.shards import Shards
from models.arrays import Embeddings, Flags, Rows, Scores
from models.errors import GalleryBroken, InputError

CACHE_BYTES = 64 * 2**20  # of the rows of the latest filters
FILTER_BYTES = 8  # that a filter takes in memory for each character of its text, about


class OpenSnapshot:
    """An opened snapshot, with the rows that the filters asked last let through."""

    def __init__(self, items: ItemTable, ranking: Ranking, missing: Sequence[str] = ()) -> None:
        """`missing` names the shards that are not in the ranking."""
        self.items = items
        self.ranking = ranking
        self.missing = missing
        # by filter and number of dead rows, each with its bytes
        self._selections: LRUCache[tuple[Filter | None, int], tuple[Selection, int]]
        self._selections = LRUCache(CACHE_BYTES, itemgetter(1))
        self._lock = Lock()

    @classmethod
    def open(cls, opened: Snapshot) -> "OpenSnapshot":
        """A checked snapshot; raises GalleryBroken where its files do not belong together."""
        manifest, path = opened.manifest, opened.path
        items = ItemTable.open(path / snapshot.ITEMS, Columns.open(path / snapshot.ATTRIBUTES))
        exact = Exact.open(path / snapshot.VECTORS, path / snapshot.SCALES)
        shards = Shards.open(opened.shards, form=manifest.form)
        agree = (
            len(items) == len(items.rows) == len(items.attributes) == len(exact) == manifest.count
            and shards.count == sum(each.count for each in manifest.shards if each.file not in opened.missing)
            and exact.vectors.shape[1] == shards.dimension == manifest.dimension
            and shards.nlist == manifest.nlist
        )
        if not agree:
            raise GalleryBroken(f"the files of {path} do not belong together: roll back or rebuild the gallery")
        return cls(items, Ranking(shards, exact, manifest.nprobe, manifest.widened), opened.missing)

    def selection(self, filter: Filter | None, view: OverlayState) -> Selection:
        """The living rows (n,) for which the filter holds."""
        key = (filter, view.dead)  # a row that dies adds to the dead, and none comes back
        with self._lock:
            if key in self._selections:
                return self._selections[key][0]
        mask = view.alive[: view.start]
        if filter is not None:
            mask = mask & filters.mask(filter, self.items.attributes, view.start)
        selection = Selection(mask)
        with self._lock, suppress(ValueError):  # larger than the whole cache
            self._selections[key] = selection, selection.nbytes + FILTER_BYTES * len(repr(filter))
        return selection


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows that a search may find: of the snapshot (None for all), and of the changes, (m,)."""

    base: Selection | None
    fresh: Flags
    total: int


@dataclass(frozen=True, slots=True)
class GalleryView:
    """All items at one moment; nothing that changes later changes it."""

    base: OpenSnapshot
    view: OverlayState

    @classmethod
    def at(cls, live: Snapshot, journal: Journal) -> "GalleryView":
        """A checked snapshot and all changes since; raises GalleryBroken where one of them is damaged."""
        base, manifest = OpenSnapshot.open(live), live.manifest
        delta = Overlay(base.items.rows, dimension=manifest.dimension, through=manifest.through)
        return cls(base, delta.apply(journal.since(manifest.through)))

    def picked(self, filter: Filter | None) -> Candidates:
        """The living rows that a filter lets through; raises InputError where it names what no item has."""
        view = self.view
        if filter is not None:
            self.check(filters.names(filter))
        fresh = view.alive[view.start :]
        if filter is not None:
            fresh = fresh & filters.mask(filter, view.columns, view.count)
        selection = None
        if filter is not None or view.dead:
            selection = self.base.selection(filter, view)
        kept = view.start if selection is None else selection.count
        return Candidates(selection, fresh, kept + int(np.count_nonzero(fresh)))

    def order(self, queries: Embeddings, depth: int, picked: Candidates, *, nprobe: int | None) -> tuple[Scores, Rows]:
        """Cosines and rows (B, K) of the best for each query (B, d), in order; K is at least `depth`, if there are.

        A longer order begins with a shorter one, up to its depth.
        """
        scores, rows = self.base.ranking.best(queries, depth, only=picked.base, nprobe=nprobe)
        if not picked.fresh.any():
            return scores, rows
        fresh_scores, fresh_rows = self.view.search(queries, depth, picked.fresh)
        # the snapshot's order may rise from block to block: a row counts as no better than those before it
        places = np.minimum.accumulate(scores, axis=1)
        places = np.concatenate([places, fresh_scores], axis=1)
        scores = np.concatenate([scores, fresh_scores], axis=1)
        rows = np.concatenate([rows, fresh_rows], axis=1)
        order = np.argsort(-places, axis=1, kind="stable")[:, : max(depth, 1)]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def score(self, query: Embeddings, row: int) -> float:
        """The cosine of one query (d,) and a row."""
        return round(float(self.vectors(np.array([row]))[0] @ query), DECIMALS)

    def vectors(self, rows: Rows) -> Embeddings:
        """The vectors of rows (m,), at length one, (m, d)."""
        view, ours = self.view, rows < self.view.start
        found = np.empty((len(rows), view.vectors.shape[1]), dtype=np.float32)
        found[ours] = self.base.ranking.exact.take(rows[ours])
        found[~ours] = view.vectors[rows[~ours] - view.start]
        return found

    def item(self, row: int) -> GalleryItem:
        """The item of that row."""
        return self.base.items.at(row) if row < self.view.start else self.view.item(row)

    def content(self, row: int) -> str:
        """The SHA-256 of the bytes of that row's picture."""
        return self.base.items.content(row) if row < self.view.start else self.view.content(row)

    def rows(self) -> Rows:
        """The living rows (n,)."""
        found: Rows = np.flatnonzero(self.view.alive)
        return found

    def ids(self) -> Sequence[str]:
        """Every living item's id, by row."""
        base, view = self.base.items.ids, self.view
        return [base[row] if row < view.start else view.item(row).id for row in self.rows().tolist()]

    def value(self, name: str) -> Callable[[int], Value]:
        """What gives a row's value of that attribute; raises InputError where no item has it."""
        self.check({name})
        base, fresh, start = self.base.items.attributes.get(name), self.view.columns.get(name), self.view.start
        return lambda row: base.at(row) if row < start else fresh.at(row - start)

    def facets(self, names: Sequence[str], picked: Candidates, *, top: int = facets.MOST) -> Facets:
        """For each attribute the `top` values that most of the picked rows have, with their number.

        Raises InputError for an attribute that no item has.
        """
        self.check(set(names))
        view, fresh = self.view, picked.fresh
        mask = view.alive[: view.start] if picked.base is None else picked.base.mask
        ours = self.base.items.attributes
        return {name: facets.joint_counts(ours, mask, view.columns, fresh, name, top) for name in names}

    def groups(self, name: str, picked: Candidates, *, without: Sequence[int]) -> int:
        """How many of the picked rows there are where each value of the attribute may be there once.

        Those `without` do not count; each row that lacks the attribute does.
        """
        ours = (self.view.alive[: self.view.start] if picked.base is None else picked.base.mask).copy()
        fresh, start = picked.fresh.copy(), self.view.start
        ours[[row for row in without if row < start]] = False
        fresh[[row - start for row in without if row >= start]] = False
        return facets.distinct(self.base.items.attributes, ours, self.view.columns, fresh, name)

    def check(self, names: set[str]) -> None:
        """Raises InputError where no item has one of these attributes."""
        known = [*self.base.items.attributes.names, *self.view.columns.names]
        unknown = sorted(names.difference(known))
        if unknown:
            shown = ", ".join(map(repr, dict.fromkeys(known))) or "none"
            raise InputError(f"no item has the attribute {unknown[0]!r}: the gallery's are {shown[:300]}")
