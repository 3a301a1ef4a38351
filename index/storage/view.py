"""A snapshot and the changes since as one space of rows: those below `start` are the snapshot's."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock

import numpy as np
from cachetools import LRUCache

from index.items import attribute_file, facets, filters
from index.items.attribute_types import AttributeTypes
from index.items.columns import MISSING
from index.items.filters import Filter
from index.items.items import GalleryItem, ItemTable
from index.lexical import words
from index.lexical.lexical_index import LexicalIndex
from index.lexical.matching import LexicalMatches, matches
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.manifest import SnapshotManifest
from index.storage.overlay import Overlay, OverlayState
from index.storage.read_only_journal import ReadOnlyJournal
from index.storage.snapshot import Snapshot
from index.vectors.exact import DECIMALS, Exact
from index.vectors.ranking import Ranking
from index.vectors.selection import DeadRows, Selection
from index.vectors.shards import Shards
from models.arrays import Codes, Embeddings, Flags, Rows, Scores
from models.errors import GalleryBroken, InputError

CACHE_BYTES = 64 * 2**20  # for the rows of the latest filters
FILTER_BYTES = 16  # memory of a parsed filter for each character of its text, about
ENTRY_BYTES = 2_048  # of the Python objects of a cached selection, about


class OpenSnapshot:
    """An opened snapshot, with a cache of the rows that the latest filters let through."""

    def __init__(
        self, items: ItemTable, ranking: Ranking, missing: Sequence[str] = (), lexical: LexicalIndex | None = None
    ) -> None:
        """`missing` names the shards that are not in the ranking."""
        self.items = items
        self.lexical = lexical
        self.ranking = ranking
        self.missing = missing
        # each with its size in bytes
        self._selections: LRUCache[Filter, tuple[Selection, int]] = LRUCache(CACHE_BYTES, itemgetter(1))
        self._lock = Lock()

    @classmethod
    def open(cls, opened: Snapshot) -> "OpenSnapshot":
        """Open a checked snapshot; raises GalleryBroken if its files do not belong together."""
        manifest, path = opened.manifest, opened.path
        former = snapshot.attribute_files(path.parents[1])  # after a roll-back, an attribute of a newer one stays known
        items = ItemTable.open(path / snapshot.ITEMS, attribute_file.read(path / snapshot.ATTRIBUTES, former=former))
        exact = Exact.open(path / snapshot.VECTORS, path / snapshot.SCALES)
        shards = Shards.open(opened.shards, encoding=manifest.encoding)
        lexical = LexicalIndex.load(path / snapshot.LEXICAL, manifest.lexical, items)
        agree = (
            (lexical is None or lexical.count == len(items))
            and len(items) == len(items.rows) == len(items.attributes) == len(exact) == manifest.count
            and shards.count == sum(shard.count for shard in manifest.shards if shard.file not in opened.missing)
            and exact.vectors.shape[1] == shards.dimension == manifest.dimension
            and shards.nlist == manifest.nlist
        )
        if not agree:
            raise GalleryBroken(f"the files of {path} do not belong together: roll back or rebuild the gallery")
        return cls(items, Ranking(shards, exact, manifest.nprobe, manifest.widened), opened.missing, lexical)

    def overlay(self, manifest: SnapshotManifest) -> Overlay:
        """An overlay for the changes since, with none yet."""
        lexical = None if self.lexical is None else self.lexical.names
        return Overlay(
            self.items.rows,
            self.items.attributes.types,
            dimension=manifest.dimension,
            through=manifest.through,
            lexical=lexical,
        )

    def selection(self, filter: Filter, check: Callable[[], None]) -> Selection:
        """The rows (n,) of the snapshot for which the filter holds, whether they are alive or not."""
        with self._lock:
            if filter in self._selections:
                return self._selections[filter][0]
        selection = Selection(filters.mask(filter, self.items.attributes, len(self.items), check))
        with self._lock, suppress(ValueError):  # larger than the whole cache
            self._selections[filter] = selection, self._bytes(filter, selection)
        return selection

    def _bytes(self, filter: Filter, selection: Selection) -> int:
        """About how much memory a cached selection takes, with its rows if a search needs them."""
        rows = 8 * selection.count if self.ranking.scans(selection) else 0
        return selection.nbytes + rows + ENTRY_BYTES + FILTER_BYTES * len(repr(filter))


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows that a search may return: the living ones of the snapshot's (None for all), and of the changes, (m,)."""

    base: Selection | None
    dead: DeadRows | None  # None if all of the snapshot's are alive
    fresh: Flags
    count: int  # of the snapshot
    total: int


@dataclass(frozen=True, slots=True)
class RowView:
    """All rows at one moment; later changes do not alter it."""

    base: OpenSnapshot
    overlay: OverlayState

    @classmethod
    def open(cls, live: Snapshot, journal: Journal | ReadOnlyJournal) -> "RowView":
        """Open a checked snapshot with all changes since; raises GalleryBroken if one of them is damaged."""
        base = OpenSnapshot.open(live)
        return cls(base, base.overlay(live.manifest).apply(journal.since(live.manifest.through)))

    def candidates(self, filter: Filter | None, check: Callable[[], None] = lambda: None) -> Candidates:
        """The living rows that a filter lets through; raises InputError if it names an attribute that no item has.

        `check` is called between the parts of the filter; it raises if the work must end.
        """
        overlay = self.overlay
        fresh = overlay.alive[overlay.start :]
        dead, selection = overlay.dead_base, None
        if filter is not None:
            self.check_attributes(filters.names(filter))
            fresh = fresh & filters.mask(filter, overlay.columns, overlay.count, check)
            selection = self.base.selection(filter, check)
            dead = dead[selection.mask[dead]]
        count = (overlay.start if selection is None else selection.count) - len(dead)
        dead_rows = DeadRows(dead, overlay.alive[: overlay.start]) if len(dead) else None
        return Candidates(selection, dead_rows, fresh, count, count + int(np.count_nonzero(fresh)))

    def ranked(
        self, queries: Embeddings, depth: int, candidates: Candidates, *, nprobe: int | None
    ) -> tuple[Scores, Rows]:
        """Cosines and rows (B, K) of the best for each query (B, d), in order; K is at least `depth`, if there are.

        A longer ranking begins with a shorter one, up to its depth.
        """
        base, dead = candidates.base, candidates.dead
        scores, rows = self.base.ranking.best(queries, depth, only=base, dead=dead, nprobe=nprobe)
        if candidates.total == candidates.count:
            return scores, rows
        above = float(scores[:, :depth].min()) if scores.shape[1] >= depth else -np.inf
        fresh_scores, fresh_rows = self.overlay.search(queries, depth, candidates.fresh, above=above)
        if not fresh_rows.shape[1]:
            return scores[:, :depth], rows[:, :depth]
        # the snapshot's scores may rise from block to block: a row counts as no better than those before it
        bounds = np.minimum.accumulate(scores, axis=1)
        bounds = np.concatenate([bounds, fresh_scores], axis=1)
        scores = np.concatenate([scores, fresh_scores], axis=1)
        rows = np.concatenate([rows, fresh_rows], axis=1)
        order = np.argsort(-bounds, axis=1, kind="stable")[:, : max(depth, 1)]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def matches(self, text: str, candidates: Candidates) -> LexicalMatches:
        """The candidates that match a text by its words."""
        return matches(text, self._lexical, np.concatenate([self.base_mask(candidates), candidates.fresh]))

    def has_words(self, text: str) -> bool:
        """True if each word of a text is a word of some item."""
        distinct = list(dict.fromkeys(words.words(text)))
        return not set(distinct).difference(*(index.frequencies(distinct) for index in self._lexical))

    @property
    def _lexical(self) -> list[LexicalIndex]:
        return [index for index in (self.base.lexical, self.overlay.lexical) if index is not None]

    def matched(self, text: str, row: int) -> Sequence[str]:
        """The names of the texts of that row's item, such as "title", that have words of a text."""
        if self.overlay.lexical is None:
            return []
        item = self.item(row)
        return words.matched(text, item.id, item.attributes, self.overlay.lexical.names)

    def score(self, query: Embeddings, row: int) -> float:
        """The cosine of one query (d,) and a row."""
        return round(float(self.vectors(np.array([row]))[0] @ query), DECIMALS)

    def vectors(self, rows: Rows) -> Embeddings:
        """The vectors of rows (m,), at length one, (m, d)."""
        overlay, in_base = self.overlay, rows < self.overlay.start
        vectors = np.empty((len(rows), overlay.vectors.shape[1]), dtype=np.float32)
        vectors[in_base] = self.base.ranking.exact.take(rows[in_base])
        vectors[~in_base] = overlay.vectors[rows[~in_base] - overlay.start]
        return vectors

    def row(self, id: str) -> int | None:
        """The row of the living item of that id."""
        return self.overlay.row(id)

    def item(self, row: int) -> GalleryItem:
        """The item of that row."""
        return self.base.items.at(row) if row < self.overlay.start else self.overlay.item(row)

    def content(self, row: int) -> str:
        """The SHA-256 of the bytes of that row's image."""
        return self.base.items.content(row) if row < self.overlay.start else self.overlay.content(row)

    def has_content(self, rows: Rows, content: str) -> Flags:
        """Mask (m,) of the rows (m,) whose image has that SHA-256."""
        fresh = rows >= self.overlay.start
        flags = np.empty(len(rows), np.bool_)
        flags[~fresh] = self.base.items.has_content(rows[~fresh], content)
        flags[fresh] = [self.overlay.content(row) == content for row in rows[fresh].tolist()]
        return flags

    def living(self) -> Rows:
        """The living rows (n,), ascending."""
        rows: Rows = np.flatnonzero(self.overlay.alive)
        return rows

    def ids(self) -> Sequence[str]:
        """The id of every living item, by row."""
        base, overlay = self.base.items.ids, self.overlay
        return [base[row] if row < overlay.start else overlay.item(row).id for row in self.living().tolist()]

    def group_codes(self, name: str) -> Callable[[Rows], Codes]:
        """A function of rows (m,) that gives equal codes (m,) to equal values of that attribute, −1 to missing ones.

        Raises InputError if the attribute cannot group items.
        """
        self.check_attributes({name})
        if self.types.get(name) == "list of texts":
            raise InputError(f"the attribute {name!r} is a list of texts: group by an attribute with one value an item")
        overlay, start = self.overlay, self.overlay.start
        base, fresh = self.base.items.attributes.get(name), overlay.columns.get(name)

        def fresh_code(row: int) -> int:
            value = fresh.at(row - start)
            assert not isinstance(value, list)
            if value is None:
                return MISSING
            code, new = base.values.code(value), fresh.values.code(value)
            assert new is not None
            return len(base.values) + new if code is None else code

        def codes(rows: Rows) -> Codes:
            in_base = rows < start
            found = np.empty(len(rows), np.int64)
            found[in_base] = base.codes(start)[rows[in_base]]
            found[~in_base] = [fresh_code(row) for row in rows[~in_base].tolist()]
            return found

        return codes

    def spread(self, name: str) -> tuple[int, int]:
        """How many different values an attribute has among the living items, and how many of these have one."""
        overlay, base = self.overlay, self.base.items.attributes
        mask, fresh = overlay.alive[: overlay.start], overlay.alive[overlay.start :]
        return facets.spread(base, mask, overlay.columns, fresh, name)

    def group_count(self, name: str, candidates: Candidates, *, without: Sequence[int]) -> int:
        """How many of the candidates remain if each value of the attribute may occur once.

        The rows `without` do not count; each row that lacks the attribute does.
        """
        start = self.overlay.start
        mask = self.base_mask(candidates).copy()
        fresh = candidates.fresh.copy()
        mask[[row for row in without if row < start]] = False
        fresh[[row - start for row in without if row >= start]] = False
        return facets.distinct(self.base.items.attributes, mask, self.overlay.columns, fresh, name)

    @property
    def types(self) -> AttributeTypes:
        """The type of each attribute that an item has or had; None if it never had a value."""
        return self.overlay.columns.types

    def base_mask(self, candidates: Candidates) -> Flags:
        """Mask (start,) of the candidates of the snapshot."""
        alive = self.overlay.alive[: self.overlay.start]
        if candidates.base is None:
            return alive
        return candidates.base.mask if candidates.dead is None else candidates.base.mask & alive

    def check_attributes(self, names: set[str]) -> None:
        """Raises InputError if no item ever had one of these attributes; a gallery without items refuses none."""
        unknown = sorted(names.difference(self.types))
        if unknown and self.overlay.dead < len(self.overlay.alive):
            shown = ", ".join(map(repr, list(self.types))) or "none"
            raise InputError(f"no item has the attribute {unknown[0]!r}: the gallery's are {shown[:300]}")
