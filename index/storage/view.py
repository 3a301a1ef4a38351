"""A snapshot and the changes since as one space of rows: those below `start` are the snapshot's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.items import facets, filters
from index.items.attribute_types import AttributeTypes
from index.items.columns import MISSING
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.lexical import words
from index.sources.cells import Value
from index.storage.image_vectors import ImageVectors
from index.storage.journal import Journal
from index.storage.open_snapshot import OpenSnapshot
from index.storage.overlay import OverlayState
from index.storage.read_only_journal import ReadOnlyJournal
from index.storage.row_candidates import RowCandidates, RowTally, lexical_indexes
from index.storage.row_order import mixed, ordered_numbers
from index.storage.snapshot import Snapshot
from index.vectors.selection import DeadRows
from models.arrays import Codes, Embeddings, Flags, Rows, Scores
from models.errors import InputError


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

    def candidates(self, filter: Filter | None, check: Callable[[], None] = lambda: None) -> RowCandidates:
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
        total = count + int(np.count_nonzero(fresh))
        return RowCandidates(self.base, overlay, selection, dead_rows, fresh, count, total)

    def has_words(self, text: str) -> bool:
        """True if each word of a text is a word of some item."""
        distinct = list(dict.fromkeys(words.words(text)))
        return not set(distinct).difference(
            *(index.frequencies(distinct) for index in lexical_indexes(self.base, self.overlay))
        )

    def matched(self, text: str, row: int) -> Sequence[str]:
        """The names of the texts of that row's item, such as "title", that have words of a text."""
        if self.overlay.lexical is None:
            return []
        item = self.item(row)
        return words.matched(text, item.id, item.attributes, self.overlay.lexical.names)

    def score(self, query: Embeddings, row: int) -> float:
        """The cosine of one query (d,) and a row."""
        return float(self.cosines(query, np.array([row]))[0])

    def cosines(self, query: Embeddings, rows: Rows) -> Scores:
        """The cosines (m,) of one query (d,) and rows (m,): each row's is that of its nearest image."""
        return self.images(rows).nearest(query)[0]

    def nearest_images(self, query: Embeddings, rows: Sequence[int]) -> Sequence[int]:
        """The number of each row's image that is nearest to a query (d,); 0 is the first."""
        if not self.has_further:
            return [0] * len(rows)
        images = self.images(np.array(rows, np.int64))
        numbers: list[int] = images.numbers[images.nearest(query)[1]].tolist()
        return numbers

    def nearest_vectors(self, query: Embeddings, rows: Rows) -> Embeddings:
        """The vectors (m, d) of the images of rows (m,) that are nearest to a query (d,)."""
        images = self.images(rows)
        return images.vectors[images.nearest(query)[1]] if self.has_further else images.vectors

    def images(self, rows: Rows) -> ImageVectors:
        """The vectors of all images of rows (m,), at length one."""
        exact, overlay = self.base.ranking.exact, self.overlay
        further, places = np.empty((0, overlay.vectors.shape[1]), np.float32), np.empty(0, np.int64)
        if exact.further is not None:
            image_rows, places = exact.further.rows_of(np.where(rows < overlay.start, rows, -1))
            further = exact.take(image_rows)
        if overlay.further is not None:
            numbers, fresh = overlay.further.rows_of(np.where(rows >= overlay.start, rows - overlay.start, -1))
            further = np.concatenate([further, overlay.further_vectors[numbers - overlay.count]])
            places = np.concatenate([places, fresh])
        return ImageVectors.join(self.vectors(rows), further, places)

    def image_vectors(self, row: int) -> Embeddings:
        """The vectors of all images of a row, at length one, (i, d)."""
        return self.images(np.array([row])).vectors

    @property
    def has_further(self) -> bool:
        """True if an item has or had more than one image."""
        return self.base.ranking.exact.further is not None or self.overlay.further is not None

    def vectors(self, rows: Rows) -> Embeddings:
        """The vectors of the first images of rows (m,), at length one, (m, d)."""
        overlay, in_base = self.overlay, rows < self.overlay.start
        vectors = np.empty((len(rows), overlay.vectors.shape[1]), dtype=np.float32)
        vectors[in_base] = self.base.ranking.exact.take(rows[in_base])
        vectors[~in_base] = overlay.vectors[rows[~in_base] - overlay.start]
        return vectors

    def look_up(self, ids: Sequence[str], *, latest: bool = False) -> None:
        """Does nothing, since all are in memory."""

    def row(self, id: str) -> int | None:
        """The row of the living item of that id."""
        return self.overlay.row(id)

    def item(self, row: int) -> GalleryItem:
        """The item of that row."""
        return self.base.items.at(row) if row < self.overlay.start else self.overlay.item(row)

    def content(self, row: int) -> str:
        """The SHA-256 of the bytes of that row's first image."""
        return self.base.items.content(row) if row < self.overlay.start else self.overlay.content(row)

    def contents(self, row: int) -> Sequence[str]:
        """The SHA-256 of the bytes of each image of that row's item."""
        if row >= self.overlay.start:
            return self.overlay.contents(row)
        items = self.base.items
        return [items.content(row), *(image.content for image in items.further_images(row))]

    def has_content(self, rows: Rows, content: str) -> Flags:
        """Mask (m,) of the rows (m,) that have an image with that SHA-256."""
        fresh = rows >= self.overlay.start
        flags = np.empty(len(rows), np.bool_)
        flags[~fresh] = self.base.items.has_content(rows[~fresh], content)
        flags[fresh] = [content in self.overlay.contents(row) for row in rows[fresh].tolist()]
        return flags

    def image_count(self) -> int:
        """The number of images of all living items."""
        count, start, alive = self.count, self.overlay.start, self.overlay.alive
        for further, first in ((self.base.ranking.exact.further, 0), (self.overlay.further, start)):
            if further is not None:
                count += int(np.count_nonzero(alive[first + further.owners]))
        return count

    def living(self) -> Rows:
        """The living rows (n,), ascending."""
        rows: Rows = np.flatnonzero(self.overlay.alive)
        return rows

    def sample(self, count: int) -> Rows:
        """The first rows of a page that nothing orders."""
        return mixed(self.living(), start=0, end=count)

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

    def values(self, name: str, rows: Sequence[int]) -> Sequence[Value]:
        """The value of an attribute of each row, None if it is missing."""
        start, base, fresh = self.overlay.start, self.base.items.attributes.get(name), self.overlay.columns.get(name)
        return [base.at(row) if row < start else fresh.at(row - start) for row in rows]

    def sort_numbers(self, name: str, rows: Rows) -> NDArray[np.float64]:
        """Numbers (m,) that sort rows (m,) by an attribute, in ascending order; NaN if it is missing.

        Raises InputError if there are too many different texts.
        """
        start, base, fresh = self.overlay.start, self.base.items.attributes.get(name), self.overlay.columns.get(name)
        columns = ((base, start), (fresh, self.overlay.count))
        parts = zip(ordered_numbers(name, base, fresh), columns, strict=True)
        numbers = np.concatenate([np.append(ranks, np.nan)[column.codes(count)] for ranks, (column, count) in parts])
        chosen: NDArray[np.float64] = numbers[rows]
        return chosen

    def tally_of(self, rows: Sequence[int]) -> RowTally:
        """Counts among some rows."""
        flags = np.zeros(len(self.overlay.alive), np.bool_)
        flags[np.array(rows, np.int64)] = True
        return RowTally(self.base, self.overlay, flags[: self.overlay.start], flags[self.overlay.start :])

    def spread(self, name: str) -> tuple[int, int]:
        """How many different values an attribute has among the living items, and how many of these have one."""
        overlay, base = self.overlay, self.base.items.attributes
        mask, fresh = overlay.alive[: overlay.start], overlay.alive[overlay.start :]
        return facets.spread(base, mask, overlay.columns, fresh, name)

    @property
    def types(self) -> AttributeTypes:
        """The type of each attribute that an item has or had; None if it never had a value."""
        return self.overlay.columns.types

    @property
    def count(self) -> int:
        """The number of living items."""
        return len(self.overlay.alive) - self.overlay.dead

    def check_attributes(self, names: set[str]) -> None:
        """Raises InputError if no item ever had one of these attributes; a gallery without items refuses none."""
        unknown = sorted(names.difference(self.types))
        if unknown and self.overlay.dead < len(self.overlay.alive):
            shown = ", ".join(map(repr, list(self.types))) or "none"
            raise InputError(f"no item has the attribute {unknown[0]!r}: the gallery's are {shown[:300]}")
