"""The rows of a collection that one request has read, each once."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from index.items.attribute_types import AttributeTypes
from index.items.items import GalleryItem
from index.milvus.collection import Collection
from index.milvus.records import READ, StoredItem, decoded
from models.arrays import Embeddings, normalised
from models.errors import UnknownItem

BLOCK = 1_000  # rows asked for at a time


class FoundRow:
    """A row that was read: its vector (d,) at once, its item when it is asked for."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        """`record` has the fields READ."""
        self.row = int(record["row"])
        vector = decoded(record["code"]).astype(np.float32)
        self.vector: Embeddings = normalised(vector[np.newaxis])[0]  # at length one
        self._record = record

    @cached_property
    def stored(self) -> StoredItem:
        """The item with its facts."""
        return StoredItem.read(self._record)

    @property
    def item(self) -> GalleryItem:
        """The item itself."""
        return self.stored.item

    @property
    def content(self) -> str:
        """The SHA-256 of its image."""
        return self.stored.content


class RowReader:
    """Reads rows; what it has read stays, even if it changes meanwhile."""

    def __init__(self, collection: Collection, types: AttributeTypes) -> None:
        self.collection = collection
        self.types = types
        self._read: dict[int, FoundRow] = {}

    def hold(self, record: Mapping[str, Any]) -> FoundRow:
        """Keeps a row that was read, unless it was read before."""
        row = int(record["row"])
        if row not in self._read:
            self._read[row] = FoundRow(record)
        return self._read[row]

    def forget(self, row: int) -> None:
        """Reads a row anew when it is asked for again."""
        self._read.pop(row, None)

    def stored(self, rows: Sequence[int]) -> list[FoundRow]:
        """The items of rows, those read that were not yet; raises UnknownItem if one was deleted meanwhile."""
        missing = list(dict.fromkeys(row for row in rows if row not in self._read))
        for start in range(0, len(missing), BLOCK):
            for record in self.collection.query(f"row in {missing[start : start + BLOCK]}", READ):
                self.hold(record)
        try:
            return [self._read[row] for row in rows]
        except KeyError as error:
            raise UnknownItem("an item was deleted during this search: search again") from error
