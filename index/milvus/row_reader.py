"""The rows of a collection that one request has read, each once."""

from collections.abc import Iterable, Mapping, Sequence
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
    """A row that was read: its vector (d,) at length one, its item when it is asked for."""

    def __init__(self, record: Mapping[str, Any], vector: Embeddings) -> None:
        """`record` has the fields READ."""
        self.row = int(record["row"])
        self.vector = vector
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

    def hold(self, records: Iterable[Mapping[str, Any]]) -> list[FoundRow]:
        """Keeps rows that were read, unless they were read before; their vectors are decoded together."""
        listed = [(int(record["row"]), record) for record in records]
        new = {row: record for row, record in listed if row not in self._read}
        if new:
            vectors = normalised(decoded([record["code"] for record in new.values()]).astype(np.float32))
            for (row, record), vector in zip(new.items(), vectors, strict=True):
                self._read[row] = FoundRow(record, vector)
        return [self._read[row] for row, _ in listed]

    def forget(self, row: int) -> None:
        """Reads a row anew when it is asked for again."""
        self._read.pop(row, None)

    def stored(self, rows: Sequence[int]) -> list[FoundRow]:
        """The items of rows, those read that were not yet; raises UnknownItem if one was deleted meanwhile."""
        missing = list(dict.fromkeys(row for row in rows if row not in self._read))
        for start in range(0, len(missing), BLOCK):
            self.hold(self.collection.query(f"row in {missing[start : start + BLOCK]}", READ))
        try:
            return [self._read[row] for row in rows]
        except KeyError as error:
            raise UnknownItem("an item was deleted during this search: search again") from error
