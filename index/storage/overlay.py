"""The overlay: the journal's changes since a snapshot in memory, searched while one thread applies new ones.

Its rows follow the snapshot's: an upsert takes the next row and kills the older row of its id; a delete kills that row.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.items.attribute_types import AttributeTypes
from index.items.columns import Columns, GrowingColumns
from index.items.items import GalleryItem
from index.lexical.lexical_index import LexicalIndex
from index.storage.changes import Entry, Upsert, Vector
from index.vectors.exact import DECIMALS, inner_products, top
from index.vectors.further_rows import FurtherRows, raise_scores
from models.arrays import Embeddings, Flags, Rows, Scores, normalised
from models.errors import SpaceMismatch

CAPACITY = 256  # rows at first; doubled when all are taken


@dataclass(frozen=True, slots=True, eq=False)
class OverlayState:
    """The overlay after some change; later changes do not alter it, so readers need no lock.

    The first `start` rows are the snapshot's; `vectors` (count, d) are those of the rows after them. `alive`
    (start + count,) covers all rows, `dead` counts those that are not alive, `dead_base` (m,) are the snapshot's of
    these, and `through` is the last change's number. `further_vectors` (f, d) are those of further images of the rows
    of the changes, of which `further` has the owners, counted from the first change.
    """

    start: int
    through: int
    dead: int
    dead_base: Rows
    alive: Flags
    vectors: Embeddings
    further: FurtherRows | None
    further_vectors: Embeddings
    # shared with later states, which append to them: read only rows below the end
    columns: Columns
    lexical: LexicalIndex | None
    _upserts: Sequence[Upsert]
    _snapshot: Mapping[str, int]
    _changed: Mapping[str, Sequence[int]]

    def __post_init__(self) -> None:
        self.alive.flags.writeable = False
        self.vectors.flags.writeable = False
        self.further_vectors.flags.writeable = False

    @property
    def count(self) -> int:
        """The number of rows of the changes, with the dead ones."""
        return len(self.vectors)

    def row(self, id: str) -> int | None:
        """The row of the living item of that id, in the snapshot or after it."""
        newest = next((row for row in reversed(self._changed.get(id, ())) if row < len(self.alive)), None)
        row = self._snapshot.get(id) if newest is None else newest
        return row if row is not None and self.alive[row] else None

    def item(self, row: int) -> GalleryItem:
        """The item of a row after the snapshot's, even of a dead one."""
        assert self.start <= row < len(self.alive)
        return self._upserts[row - self.start].item

    def content(self, row: int) -> str:
        """The SHA-256 of the first image of a row after the snapshot's."""
        return self._upserts[row - self.start].content

    def contents(self, row: int) -> Sequence[str]:
        """The SHA-256 of each image of a row after the snapshot's."""
        upsert = self._upserts[row - self.start]
        return [upsert.content, *(image.content for image in upsert.further)]

    def search(
        self, queries: Embeddings, k: int, mask: Flags | None = None, *, above: float = -np.inf
    ) -> tuple[Scores, Rows]:
        """The exact scores and rows (B, min(k, n)), best first and ties by row, of the n living rows of the changes.

        A mask (count,) keeps only the rows for which it is true; of the others, those are left out that score no more
        than `above` for each query.
        """
        alive = self.alive[self.start :]
        wanted = alive if mask is None else alive & mask
        scores = inner_products(queries, self.vectors)  # (B, count)
        if self.further is not None:
            raise_scores(scores, self.further.owners, inner_products(queries, self.further_vectors))
        scores = scores.round(DECIMALS)  # as the shards round theirs
        rows = np.flatnonzero(wanted & (scores.max(axis=0) > above))  # (n,)
        return top(scores[:, rows], np.broadcast_to(rows + self.start, (len(queries), len(rows))), k)


class Overlay:
    """Applies changes, and publishes the result as `state` by one assignment."""

    def __init__(
        self,
        snapshot: Mapping[str, int],
        types: AttributeTypes,
        *,
        dimension: int,
        through: int,
        lexical: Sequence[str] | None = None,
    ) -> None:
        """`snapshot` maps the ids of a snapshot to its rows; it holds the changes up to number `through`.

        `types` are those of its attributes; `lexical` names those whose words are indexed, None for no lexical index.
        """
        start = len(snapshot)
        self._lock = threading.Lock()
        self._upserts: list[Upsert] = []
        self._columns = GrowingColumns(types)
        self._lexical = None if lexical is None else LexicalIndex.in_memory(lexical)
        self._changed: dict[str, list[int]] = {}
        self._vectors: Embeddings = np.empty((CAPACITY, dimension), dtype=np.float32)
        self._further = _GrowingVectors(dimension)
        self._owners: Rows = np.empty(0, np.int64)  # of the further images, among the rows of the changes
        self._alive: Flags = np.ones(start + CAPACITY, dtype=np.bool_)  # a new row is alive
        self.state = OverlayState(
            start=start,
            through=through,
            dead=0,
            dead_base=np.empty(0, np.int64),
            alive=self._alive[:start],
            vectors=self._vectors[:0],
            further=None,
            further_vectors=self._further.all,
            columns=self._columns,
            lexical=self._lexical,
            _upserts=self._upserts,
            _snapshot=snapshot,
            _changed=self._changed,
        )

    def apply(self, entries: Iterable[Entry]) -> OverlayState:
        """The state with the entries, which come in order; entries that it already has are skipped.

        Of several changes of one id only the last counts. Raises SpaceMismatch, and changes nothing, if a vector has
        another dimension.
        """
        with self._lock:  # two threads may bring the same entries; readers never take it
            before = self.state
            fresh = [entry for entry in entries if entry.seq > before.through]
            if not fresh:
                return before
            assert fresh[0].seq == before.through + 1, "entries are missing"
            last = {entry.change.id: entry.seq for entry in fresh}
            changes = [entry.change for entry in fresh if last[entry.change.id] == entry.seq]
            upserts = [change for change in changes if isinstance(change, Upsert)]
            end = before.count + len(upserts)
            vectors = self._unit_vectors([(upsert.id, upsert.vector) for upsert in upserts])
            further = self._unit_vectors([(upsert.id, image.vector) for upsert in upserts for image in upsert.further])
            self._write(before.count, end, vectors)
            if len(further):
                counts = [len(upsert.further) for upsert in upserts]
                self._owners = np.append(self._owners, np.repeat(np.arange(before.count, end), counts))
                self._further.append(further)
            killed = [row for row in (before.row(change.id) for change in changes) if row is not None]
            if killed:
                self._alive = self._alive.copy()  # older states keep theirs
                self._alive[killed] = False
            for entry in fresh:  # an attribute stays known if a later change took it away
                if isinstance(entry.change, Upsert) and last[entry.change.id] != entry.seq:
                    self._columns.learn(entry.change.item.attributes)
            first = before.start + before.count
            if self._lexical is not None:
                self._lexical.add(first, [(upsert.id, upsert.item.attributes) for upsert in upserts])
            for row, upsert in enumerate(upserts, start=first):
                self._upserts.append(upsert)
                self._columns.append(upsert.item.attributes)
                self._changed.setdefault(upsert.id, []).append(row)
            self.state = OverlayState(
                start=before.start,
                through=fresh[-1].seq,
                dead=before.dead + len(killed),
                dead_base=np.append(before.dead_base, [row for row in killed if row < before.start]).astype(np.int64),
                alive=self._alive[: before.start + end],
                vectors=self._vectors[:end],
                further=FurtherRows(end, self._owners) if len(self._owners) else None,
                further_vectors=self._further.all,
                columns=self._columns,
                lexical=self._lexical,
                _upserts=self._upserts,
                _snapshot=before._snapshot,
                _changed=self._changed,
            )
            return self.state

    def _unit_vectors(self, named: Sequence[tuple[str, Vector]]) -> Embeddings:
        """The vectors of items, each given with its id, at length one."""
        dimension = self._vectors.shape[1]
        for id, vector in named:
            if vector.shape != (dimension,):
                raise SpaceMismatch(
                    f"the vector of the changed item {id!r} has {vector.size} dimensions instead of {dimension}: embed"
                    " the journal's items with the gallery's model"
                )
        vectors = np.array([vector for _, vector in named], dtype=np.float32).reshape(-1, dimension)
        return normalised(vectors)  # as the shards do with theirs

    def _write(self, start: int, end: int, vectors: Embeddings) -> None:
        """Puts the vectors into rows that no state reads yet, in larger buffers if these are full."""
        capacity = len(self._vectors)
        if end > capacity:
            grown = max(end, 2 * capacity)
            larger = np.empty((grown, self._vectors.shape[1]), dtype=np.float32)
            larger[:start] = self._vectors[:start]
            self._alive = np.concatenate([self._alive, np.ones(grown - capacity, dtype=np.bool_)])
            self._vectors = larger
        self._vectors[start:end] = vectors


class _GrowingVectors:
    """Vectors that one thread appends to, while others read those that there were."""

    def __init__(self, dimension: int) -> None:
        self._buffer: Embeddings = np.empty((0, dimension), np.float32)
        self._count = 0

    @property
    def all(self) -> Embeddings:
        """The vectors until now (n, d)."""
        return self._buffer[: self._count]

    def append(self, vectors: Embeddings) -> None:
        """Adds vectors (m, d), in a larger buffer if this one is full."""
        end = self._count + len(vectors)
        if end > len(self._buffer):
            larger = np.empty((max(end, 2 * len(self._buffer)), self._buffer.shape[1]), np.float32)
            larger[: self._count] = self.all
            self._buffer = larger
        self._buffer[self._count : end] = vectors
        self._count = end
