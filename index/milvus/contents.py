"""The items of a collection at one moment, as a search needs them: each row is read once, with its vector."""

from collections.abc import Callable, Container, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from index.items import filters
from index.items.attribute_types import AttributeTypes
from index.items.columns import MISSING, GrowingColumns
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.milvus.candidates import MOST_READ, MilvusCandidates
from index.milvus.collection import Collection
from index.milvus.column_tally import ColumnTally
from index.milvus.expressions import EVERY, expression, id_key, key_in
from index.milvus.records import READ, StoredItem
from index.milvus.row_reader import RowReader
from index.milvus.row_watch import RowWatch
from index.sources.cells import Value
from index.storage.row_order import ordered_numbers
from index.vectors.exact import DECIMALS, inner_products
from models.arrays import Codes, Embeddings, Flags, Rows, Scores
from models.errors import InputError

BLOCK = 5_000  # ids looked up at a time


class MilvusContents:
    """All items of a collection, for one request: what it has read stays, even if it changes meanwhile."""

    def __init__(
        self,
        collection: Collection,
        types: AttributeTypes,
        *,
        newer_types: Callable[[], AttributeTypes] | None = None,
        pending: Container[str] = (),
        watch: RowWatch | None = None,
    ) -> None:
        """`newer_types` reads those of other services' changes, if a name is unknown.

        Items whose ids are `pending` may have changes that a usual query does not see yet. `watch` is that of
        a live collection: an incomplete answer has a note, or GalleryUnavailable is raised.
        """
        self._watch = watch
        self.collection = collection
        self.types = types
        self._newer_types = newer_types
        self._pending = pending
        self._reader = RowReader(collection, types)
        self._rows: dict[str, int | None] = {}  # of ids that were looked up
        self._latest: set[str] = set()  # of these, those as of the latest change of any process
        self._columns = GrowingColumns(types)
        self._places: dict[int, int] = {}  # of rows in the columns

    def candidates(self, filter: Filter | None, check: Callable[[], None] = lambda: None) -> MilvusCandidates:
        check()
        if filter is not None:
            self.check_attributes(filters.names(filter))
        wanted = expression(filter, self.types, self.collection.own)
        return MilvusCandidates(self._reader, wanted, self._watch)

    @property
    def count(self) -> int:
        return self.collection.count("")

    def check_attributes(self, names: set[str]) -> None:
        unknown = sorted(name for name in names if self.types.get(name) is None)
        if unknown and self._newer_types is not None:
            self.types = self._newer_types()
        unknown = sorted(names.difference(self.types))
        if unknown and self.count:
            shown = ", ".join(map(repr, list(self.types))) or "none"
            raise InputError(f"no item has the attribute {unknown[0]!r}: the gallery's are {shown[:300]}")

    def look_up(self, ids: Sequence[str], *, latest: bool = False) -> None:
        new = [id for id in dict.fromkeys(ids) if id not in (self._latest if latest else self._rows)]
        for start in range(0, len(new), BLOCK):
            part = new[start : start + BLOCK]
            strong = latest or any(id in self._pending for id in part)
            if strong:
                self.forget(part)
                self._latest.update(part)
            found = self.collection.query(key_in(map(id_key, part)), READ, strong=strong)
            if len(found) < len(part) and self._watch is not None:
                self._watch.require("an item was not found")  # to put it would make a second one
            items = sorted(self._reader.hold(found), key=lambda item: item.row)  # the last of two is the valid one
            self._rows |= dict.fromkeys(part) | {item.item.id: item.row for item in items}

    def forget(self, ids: Iterable[str]) -> None:
        """Drops what was looked up of these ids, after they were changed."""
        for id in ids:
            self._latest.discard(id)
            row = self._rows.pop(id, None)
            if row is not None:
                self._reader.forget(row)

    def row(self, id: str) -> int | None:
        self.look_up([id])
        return self._rows[id]

    def item(self, row: int) -> GalleryItem:
        return self._reader.stored([row])[0].item

    def values(self, name: str, rows: Sequence[int]) -> Sequence[Value]:
        return [each.item.attributes.get(name) for each in self._reader.stored(rows)]

    def sort_numbers(self, name: str, rows: Rows) -> NDArray[np.float64]:
        codes = self._codes(name, rows)
        nothing = GrowingColumns({}).get(name)
        numbers = ordered_numbers(name, self._columns.get(name), nothing)[0]
        chosen: NDArray[np.float64] = np.append(numbers, np.nan)[codes]
        return chosen

    def vectors(self, rows: Rows) -> Embeddings:
        found = self._reader.stored(rows.tolist())
        if not found:
            return np.empty((0, self.collection.dimension), np.float32)
        return np.stack([each.vector for each in found])

    def image_vectors(self, row: int) -> Embeddings:
        return self.vectors(np.array([row]))

    def cosines(self, query: Embeddings, rows: Rows) -> Scores:
        scores: Scores = inner_products(query[np.newaxis], self.vectors(rows))[0].round(DECIMALS)
        return scores

    def score(self, query: Embeddings, row: int) -> float:
        return float(self.cosines(query, np.array([row]))[0])

    def nearest_images(self, query: Embeddings, rows: Sequence[int]) -> Sequence[int]:
        return [0] * len(rows)

    def nearest_vectors(self, query: Embeddings, rows: Rows) -> Embeddings:
        return self.vectors(rows)

    def contents(self, row: int) -> Sequence[str]:
        return [self._reader.stored([row])[0].content]

    def has_content(self, rows: Rows, content: str) -> Flags:
        return np.array([each.content == content for each in self._reader.stored(rows.tolist())], np.bool_)

    def matched(self, text: str, row: int) -> Sequence[str]:
        return []

    def has_words(self, text: str) -> bool:
        return False

    def group_codes(self, name: str) -> Callable[[Rows], Codes]:
        self.check_attributes({name})
        if self.types.get(name) == "list of texts":
            raise InputError(f"the attribute {name!r} is a list of texts: group by an attribute with one value an item")
        return lambda rows: self._codes(name, rows)

    def tally_of(self, rows: Sequence[int]) -> ColumnTally:
        return ColumnTally.among([each.item.attributes for each in self._reader.stored(rows)], self.types)

    def spread(self, name: str) -> tuple[int, int]:
        return self.everything().tally().spread(name) if self.count <= MOST_READ else (0, 0)

    def sample(self, count: int) -> Rows:
        return np.array(
            [each.row for each in self._reader.hold(self.collection.query(EVERY, READ, limit=count))], np.int64
        )

    def ids(self) -> Sequence[str]:
        return [StoredItem.read(record).item.id for record in self.collection.all("", READ)]

    def image_count(self) -> int:
        return self.count

    def everything(self) -> MilvusCandidates:
        """The candidates without a filter."""
        return self.candidates(None)

    def _codes(self, name: str, rows: Rows) -> Codes:
        """Codes (m,) of the values of an attribute, equal for equal values in every call."""
        for each in self._reader.stored(rows.tolist()):
            if each.row not in self._places:
                self._places[each.row] = len(self._places)
                self._columns.append(each.item.attributes)
        places = [self._places[row] for row in rows.tolist()]
        codes: Codes = self._columns.get(name).codes(len(self._places))[places].astype(np.int64)
        assert MISSING == -1
        return codes
