"""Rows of a collection: items with their vectors, as Milvus holds them."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from index.items.items import GalleryItem
from index.milvus.connection import Record
from index.milvus.expressions import MOST_TOKENS, id_key, ranges, tokens
from index.sources.cells import Value
from index.storage.changes import LITTLE, Vector
from models.arrays import normalised
from models.errors import InputError

MOST_BYTES = 65_535  # of a text, and of JSON
KEY = 40  # characters
READ = ("row", "document", "code")


@dataclass(frozen=True, slots=True, eq=False)
class StoredItem:
    """An item of a row, with the embedding (d,) of its image in half precision, as a folder stores it, too."""

    row: int
    item: GalleryItem
    content: str
    vector: Vector
    fingerprint: str = ""

    def record(self) -> Record:
        """The row of a collection; raises InputError for an item that Milvus cannot hold."""
        item = self.item
        facts = {
            "id": item.id,
            "uri": item.uri,
            "content": self.content,
            "fingerprint": self.fingerprint,
            "attributes": dict(item.attributes),
        }
        document, sorted_by = json.dumps(facts, ensure_ascii=False), ranges(item.attributes)
        if max(len(document.encode()), len(json.dumps(sorted_by))) > MOST_BYTES:
            raise InputError(
                f"the item {item.id!r} has attributes of more than {MOST_BYTES} bytes, and Milvus holds no more"
            )
        return {
            "row": self.row,
            "key": id_key(item.id),
            "document": document,
            "tokens": tokens(item.attributes),
            "ranges": sorted_by,
            "code": encoded(self.vector),
            "vector": normalised(self.vector[np.newaxis].astype(np.float32))[0].tolist(),
        }

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "StoredItem":
        """The item of a row with the fields READ."""
        facts = json.loads(record["document"])
        item = GalleryItem(facts["id"], facts["uri"], facts["attributes"])
        return cls(int(record["row"]), item, facts["content"], decoded(record["code"]), facts["fingerprint"])


def encoded(vector: Vector) -> str:
    """The embedding (d,) as a text.

    It is read from here and not from the indexed field: of an index of bytes, Milvus has that on its disk only.
    """
    return base64.b64encode(vector.astype(LITTLE).tobytes()).decode()


def decoded(code: str) -> Vector:
    """The embedding (d,) of such a text."""
    return np.frombuffer(base64.b64decode(code), LITTLE)


def attributes(record: Record) -> Mapping[str, Value]:
    """The attributes of a row with the field `document`."""
    found: Mapping[str, Value] = json.loads(record["document"])["attributes"]
    return found


def fields(dimension: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The fields of a collection of items."""
    from pymilvus import DataType

    return (
        ("row", {"datatype": DataType.INT64, "is_primary": True}),
        ("key", {"datatype": DataType.VARCHAR, "max_length": KEY}),
        ("document", {"datatype": DataType.VARCHAR, "max_length": MOST_BYTES}),
        (
            "tokens",
            {
                "datatype": DataType.ARRAY,
                "element_type": DataType.VARCHAR,
                "max_capacity": MOST_TOKENS,
                "max_length": 2 * KEY + 2,
            },
        ),
        ("ranges", {"datatype": DataType.JSON}),
        ("code", {"datatype": DataType.VARCHAR, "max_length": MOST_BYTES}),
        ("vector", {"datatype": DataType.FLOAT_VECTOR, "dim": dimension}),
    )


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """Facts of a snapshot beside its manifest: the types of attributes, and how it was built."""

    types: Mapping[str, Any]
    columns: Mapping[str, str] = field(default_factory=dict)  # of the source's table
    notes: Sequence[str] = ()
    skipped: Sequence[Mapping[str, str]] = ()
