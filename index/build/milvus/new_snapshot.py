"""A new snapshot in Milvus: a collection that is filled, tuned, brought up to date, and made live by an alias."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from index.build.create import NO_SOURCE
from index.build.snapshot_writer import Progress, Report, rate, stage
from index.items import attribute_file
from index.items.attribute_file import SourceFacts
from index.items.attribute_types import AttributeTypes
from index.items.items import GalleryItem
from index.milvus.address import MilvusAddress
from index.milvus.collection import lists
from index.milvus.connection import MilvusConnection
from index.milvus.contents import MilvusContents
from index.milvus.expressions import with_fields
from index.milvus.milvus_store import apply_records, moved
from index.milvus.milvus_store import write as write_items
from index.milvus.records import StoredItem
from index.milvus.row_watch import RowWatch
from index.milvus.shop import LoggedChange, MilvusShop, ShopSnapshot
from index.sources.embedded import Embedded, SkippedRow
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.manifest import SCHEMA_VERSION, ShardEntry, SnapshotManifest
from index.vectors.encodings import IndexOptions
from index.vectors.exact import Exact, scaled
from index.vectors.recall import RecallProbe
from models.arrays import Embeddings, Rows, Scores, Vectors
from models.bundle import KnownImages, Manifest
from models.errors import GalleryBroken, GalleryError, GalleryMissing, InputError, UnknownSnapshot

BATCH = 1_000  # items of one call
JOURNAL_US = 86_400 * 10**6  # a day more than the oldest snapshot needs is kept, for clocks that differ
SKEW_US = 60 * 10**6


class ModelFacts(Protocol):
    """Facts of a model that a snapshot has."""

    @property
    def dimension(self) -> int: ...

    @property
    def space_id(self) -> str: ...

    @property
    def model_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class NewSnapshot:
    """A snapshot to be made, without its items."""

    shop: MilvusShop
    model: ModelFacts
    began: datetime
    source: str
    columns: Mapping[str, str]
    notes: list[str]
    shape: IndexOptions
    known_images: KnownImages | None = None  # by the model, if its bundle says

    def write(
        self, embedded: Embedded, known_types: AttributeTypes, known: Mapping[str, int], progress: Report
    ) -> tuple[ShopSnapshot, list[SkippedRow]]:
        """Fills a collection and makes it live; `known` are the changes before the source was read."""
        name, count = snapshot.new_name(self.began), len(embedded.rows)
        several = sum(bool(row.further) for row in embedded.rows)
        if several:
            self.notes.append(f"{several} items have several images, of which a gallery in Milvus holds the first only")
        skipped: list[SkippedRow] = []
        begun = time.monotonic()
        with stage("write", count, progress), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / snapshot.ATTRIBUTES
            pairs = ((row.id, row.attributes) for row in embedded.rows)
            on_types = attribute_file.write(path, pairs, known_types, SourceFacts(self.columns, self.notes))
            typed = attribute_file.read(path)
            types = dict(typed.types)
            own = with_fields(types)
            self.shop.release()  # what is kept makes room for the new one
            collection = self.shop.create(name, dimension=self.model.dimension, count=count, own=own)
            for start in range(0, count, BATCH):
                part = range(start, min(start + BATCH, count))
                vectors = embedded.vectors[part.start : part.stop]
                records = []
                for row, vector in zip(part, vectors, strict=True):
                    each = embedded.rows[row]
                    item = GalleryItem(each.id, each.image, typed.at(row))
                    try:
                        records.append(StoredItem(row, item, each.content, vector, each.fingerprint).record(own))
                    except InputError as error:
                        skipped.append(SkippedRow(each.id, each.image, str(error)))
                self.shop.connection.insert(collection, records)
                progress(Progress("write", part.stop, count, rate(part.stop, begun)))
            written = self.shop.connection.settle(collection)
        if written != count - len(skipped):
            raise GalleryBroken(f"{written} of {count - len(skipped)} items are in {collection}: build again")
        manifest = self._manifest(name, count - len(skipped), len(embedded.skipped) + len(skipped))
        if self.known_images is not None:
            unlike = self.known_images.count_unlike(embedded.vectors[:count])
            manifest = manifest.model_copy(update={"unlike": min(unlike, manifest.count)})
        if manifest.nlist > 1:
            with stage("train", count, progress):
                manifest = self._tuned(manifest, embedded.vectors[:count])
        facts = ShopSnapshot(manifest, types, self.columns, [*self.notes, *on_types], own)
        with stage("publish", 1, progress):
            seen = self.shop.stamps()
            facts = _replay(self.shop, facts, self.shop.logged(known))
            self.shop.put(facts)
            self.shop.publish(name)
            facts = _replay(self.shop, facts, self.shop.logged(seen))  # those of the moment of the switch
            self.shop.retire()
            oldest = min(each.created.timestamp() for each in self.shop.snapshots())
            self.shop.forget(int(oldest * 10**6) - JOURNAL_US)
        return facts, skipped

    def _manifest(self, name: str, count: int, skipped: int) -> SnapshotManifest:
        nlist, goal = lists(count), self.shape.goal_of(count)
        return SnapshotManifest(
            schema_version=SCHEMA_VERSION,
            name=name,
            created=self.began,
            source=self.source,
            count=count,
            skipped=skipped,
            through=0,
            dimension=self.model.dimension,
            space_id=self.model.space_id,
            model_id=self.model.model_id,
            encoding="flat" if nlist == 1 else "sq8",
            nlist=nlist,
            stale=0,
            nprobe=nlist,
            recall_goal=goal,
            recall_at_10=1.0,
            faiss_version="",
            shards=(ShardEntry(file="milvus", bytes=0, sha256="", count=count),),
            files=(),
        )

    def _tuned(self, manifest: SnapshotManifest, vectors: Vectors) -> SnapshotManifest:
        """The manifest with as many lists to probe as reach the recall."""
        contents = MilvusContents(self.shop.collection(ShopSnapshot(manifest, {}, {})), {})
        candidates = contents.candidates(None)

        def ranked(queries: Embeddings, k: int, nprobe: int) -> tuple[Scores, Rows]:
            scores, rows = candidates.ranked(queries, k, nprobe=nprobe)
            return scores[:, :k], rows[:, :k]

        probe = RecallProbe.sample(Exact(vectors, scaled(vectors)))
        nprobe, measured = probe.nprobe(ranked, nlist=manifest.nlist, goal=manifest.recall_goal)
        return manifest.model_copy(update={"nprobe": nprobe, "recall_at_10": measured})


def create(address: MilvusAddress, model: Manifest) -> SnapshotManifest:
    """Makes an empty snapshot of the model's space live; raises GalleryError if there is a gallery already."""
    shop = MilvusShop(MilvusConnection(address))
    shop.prepare()
    with shop.lease():
        if live_facts(shop) is not None:
            raise GalleryError(f"{address.name} holds a gallery already: name another shop")
        contents = Embedded([], np.empty((0, model.dimension), np.float16), [], computed=0, new=0)
        new = NewSnapshot(shop, model, datetime.now(UTC), NO_SOURCE, {}, [], IndexOptions())
        return new.write(contents, {}, {}, lambda progress: None)[0].manifest


def roll_back(address: MilvusAddress, name: str) -> SnapshotManifest:
    """Makes a kept snapshot live again, with the changes made since; raises UnknownSnapshot if it does not exist."""
    shop = MilvusShop(MilvusConnection(address))
    shop.prepare()
    with shop.lease():
        names = [manifest.name for manifest in shop.snapshots()]
        if name not in names:
            raise UnknownSnapshot(f"the gallery keeps no snapshot {name!r}: it has {', '.join(names) or 'none'}")
        facts = shop.snapshot(name)
        since = int(facts.manifest.created.timestamp() * 10**6) - SKEW_US
        known = shop.stamps()
        _replay(shop, facts, [change for change in shop.logged({}) if change.at >= since])
        shop.publish(name)
        _replay(shop, facts, shop.logged(known))
        return facts.manifest


def live_facts(shop: MilvusShop) -> ShopSnapshot | None:
    """The facts of the live snapshot; None if there is none."""
    with suppress(GalleryMissing):
        return shop.snapshot(shop.live_name())
    return None


def _replay(shop: MilvusShop, facts: ShopSnapshot, logged: Sequence[LoggedChange]) -> ShopSnapshot:
    """Brings changes onto a snapshot, each item whole as it was changed; those of another model are left out."""
    same = [
        each
        for each in logged
        if not isinstance(each.change, Upsert) or each.change.space_id == facts.manifest.space_id
    ]
    collection, types = shop.collection(facts), dict(facts.types)
    with RowWatch(shop, collection, facts.manifest) as watch:
        for part in _parts(same):
            contents = MilvusContents(collection, {}, watch=watch)
            ids = [each.change.id for each in part]
            contents.look_up(ids, latest=True)
            made = moved(part, {id: contents.row(id) for id in ids})
            deleted = [each.row for each in made if not isinstance(each.change, Upsert)]
            write_items(collection, apply_records(made, types), deleted)
    notes = list(facts.notes)
    if len(same) < len(logged):
        notes.append(f"{len(logged) - len(same)} items were changed with another model meanwhile: put them again")
    return replace(facts, types=types, notes=notes)


def _parts(logged: Sequence[LoggedChange]) -> Iterator[Sequence[LoggedChange]]:
    for start in range(0, len(logged), BATCH):
        yield logged[start : start + BATCH]
