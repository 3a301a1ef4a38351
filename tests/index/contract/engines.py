"""Galleries of drawn items on every engine, made from their vectors and attributes without a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from index.build.milvus.new_snapshot import NewSnapshot
from index.build.publish import publish
from index.build.snapshot_writer import SnapshotOrigin, write
from index.gallery import Gallery
from index.items.items import GalleryItem
from index.milvus import address
from index.milvus.connection import MilvusConnection
from index.milvus.milvus_store import MilvusStore
from index.milvus.shop import MilvusShop
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.journal import Journal
from index.vectors.encodings import IndexOptions
from models.arrays import Embeddings, normalised

DIMENSION = 24
SPACE = "space"
COLOURS, SIZES = ("red", "green", "blue", "pale blue", "ré'd \"x\\y", "Ω"), ("s", "m", "l", "xl")


@dataclass(frozen=True)
class Thing:
    """An item with its vector (d,)."""

    id: str
    vector: Embeddings
    attributes: Mapping[str, Any]

    @property
    def content(self) -> str:
        """A stand-in for the hash of its image."""
        return f"content of {self.id.split('~', maxsplit=1)[0]}"

    @property
    def upsert(self) -> Upsert:
        """The change that puts it."""
        item = GalleryItem(self.id, f"/{self.id}.png", self.attributes)
        return Upsert(item, self.content, SPACE, self.vector.astype(np.float16))


def things(count: int, seed: int, prefix: str = "i") -> list[Thing]:
    """Items of every type of attribute, some missing, with copies of images, and texts that need escapes."""
    generator = np.random.default_rng(seed)
    vectors = normalised(generator.standard_normal((count, DIMENSION)).astype(np.float32)).astype(np.float16)
    for copy in range(7, count, 50):
        vectors[copy] = vectors[copy - 5]
    drawn = []
    for row, vector in enumerate(vectors):
        attributes: dict[str, Any] = {
            "colour": COLOURS[generator.integers(len(COLOURS))],
            "price": round(float(generator.gamma(2, 40)), 2),
            "stock": int(generator.integers(0, 5)),
            "code": 2**53 + int(generator.integers(0, 6)),
            "sale": bool(generator.integers(2)),
            "tags": [SIZES[each] for each in sorted(set(generator.integers(0, 4, 2).tolist()))],
            "since": f"20{generator.integers(20, 27)}-0{generator.integers(1, 10)}-1{generator.integers(0, 10)}",
            'or "not\'s"': f"g{generator.integers(0, 9)}",
        }
        for name in list(attributes):
            if generator.random() < 0.12:
                del attributes[name]
        drawn.append(Thing(f"{prefix}{row:04d}", vector, attributes))
    return drawn


def _embedded(drawn: Sequence[Thing]) -> Embedded:
    rows = [SourceRow(each.id, f"/{each.id}.png", each.attributes, content=each.content) for each in drawn]
    return Embedded(rows, np.stack([each.vector for each in drawn]), [], computed=0, new=0)


def in_folder(folder: Path, drawn: Sequence[Thing]) -> Gallery:
    """A gallery of today's kind."""
    folder.mkdir(parents=True, exist_ok=True)
    with snapshot.build_lock(folder), Journal.open(folder) as journal:
        origin = SnapshotOrigin("", SPACE, "model", journal.last())
        sealed, _ = write(
            folder, _embedded(drawn), origin, IndexOptions(encoding="flat"), lambda _: None, known={}, lexical=()
        )
        publish(folder, sealed, journal)
    return Gallery.open(folder, space_id=SPACE)


def in_milvus(place: str, drawn: Sequence[Thing]) -> Gallery:
    """The same gallery in Milvus, built again if there is one."""
    build(place, drawn)
    return Gallery.open(Path(place), space_id=SPACE)


def address_of(gallery: Gallery) -> str:
    """The address of a gallery in Milvus."""
    assert isinstance(gallery.store, MilvusStore)
    return gallery.store.address.name


def build(place: str, drawn: Sequence[Thing]) -> str:
    """Makes these items live in Milvus, with the changes since; returns the name of the snapshot."""
    shop = MilvusShop(MilvusConnection(address.parse(place)))
    shop.prepare()
    with shop.lease():
        known = shop.stamps()
        model = Model(DIMENSION, SPACE, "model")
        new = NewSnapshot(shop, model, datetime.now(UTC), "", {}, [], IndexOptions())
        facts, _ = new.write(_embedded(drawn), {}, known, lambda _: None)
    return facts.manifest.name


@dataclass(frozen=True)
class Model:
    """Facts of a model."""

    dimension: int
    space_id: str
    model_id: str
