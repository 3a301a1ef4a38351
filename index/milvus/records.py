"""Rows of a collection: items with their vectors, as Milvus holds them."""

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from index.items.items import GalleryItem
from index.milvus.connection import Record
from index.milvus.expressions import MOST_TOKENS, field_values, id_key, key, ranges, tokens
from index.sources.cells import Value
from index.storage.changes import LITTLE, Vector
from models.arrays import Vectors, normalised
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

    def record(self, own: Collection[str]) -> Record:
        """The row of a collection in which the attributes `own` have fields; raises InputError if it cannot hold it."""
        item = self.item
        facts = {
            "id": item.id,
            "uri": item.uri,
            "content": self.content,
            "fingerprint": self.fingerprint,
            "attributes": dict(item.attributes),
        }
        document, sorted_by = json.dumps(facts, ensure_ascii=False), ranges(item.attributes, own)
        if max(len(document.encode()), len(json.dumps(sorted_by))) > MOST_BYTES:
            raise InputError(
                f"the item {item.id!r} has attributes of more than {MOST_BYTES} bytes, and Milvus holds no more"
            )
        return {
            "row": self.row,
            "key": id_key(item.id),
            "document": document,
            "tokens": tokens(item.attributes, own),
            "ranges": sorted_by,
            "code": encoded(self.vector),
            "vector": normalised(self.vector[np.newaxis].astype(np.float32))[0].tolist(),
            **field_values(item.attributes, own),
        }

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "StoredItem":
        """The item of a row with the fields READ."""
        facts = json.loads(record["document"])
        item = GalleryItem(facts["id"], facts["uri"], facts["attributes"])
        return cls(int(record["row"]), item, facts["content"], decoded([record["code"]])[0], facts["fingerprint"])


def encoded(vector: Vector) -> str:
    """The embedding (d,) as a text.

    It is read from here and not from the indexed field: of an index of bytes, Milvus has that on its disk only.
    """
    return base64.b64encode(vector.astype(LITTLE).tobytes()).decode()


def decoded(codes: Sequence[str]) -> Vectors:
    """The embeddings (n, d) of such texts."""
    return np.frombuffer(b"".join(map(binascii.a2b_base64, codes)), LITTLE).reshape(len(codes), -1)


def attributes(record: Record) -> Mapping[str, Value]:
    """The attributes of a row with the field `document`."""
    found: Mapping[str, Value] = json.loads(record["document"])["attributes"]
    return found


def fields(dimension: int, own: Collection[str]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The fields of a collection of items, with those of the attributes `own`."""
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
        *((key(name), {"datatype": DataType.VARCHAR, "max_length": MOST_BYTES}) for name in own),
    )


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """Facts of a snapshot beside its manifest: the types of attributes, and how it was built."""

    types: Mapping[str, Any]
    columns: Mapping[str, str] = field(default_factory=dict)  # of the source's table
    notes: Sequence[str] = ()
    skipped: Sequence[Mapping[str, str]] = ()
