"""The collections of one shop: its snapshots, the alias of the live one, the journal, and facts about them.

SHOP__<snapshot>   one snapshot's items, with every change that was made while it was live
SHOP__live         an alias of the live one: to move it is one step
SHOP__journal      of each item that was changed, the last change
SHOP__meta         a manifest for each snapshot that is whole, written last; the lease of the running build
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from index.items.attribute_types import AttributeTypes
from index.items.items import GalleryItem
from index.milvus.collection import Collection, index_of
from index.milvus.connection import PAGE, MilvusConnection, Record
from index.milvus.expressions import id_key, key_in
from index.milvus.records import KEY, MOST_BYTES, decoded, encoded, fields
from index.milvus.served import NO_VECTOR, ServedCollections
from index.storage.changes import Change, Delete, Upsert
from index.storage.manifest import SnapshotManifest, dump
from models.errors import GalleryBroken, GalleryMissing, JobRunning

SNAPSHOT, LEASE = "snapshot:", "lease"
LEASE_S = 300.0  # after which the lease of a dead build is free
SNAPSHOTS_KEPT = 3


@dataclass(frozen=True, slots=True, eq=False)
class LoggedChange:
    """The last change of an item: when it was made, and the row of an item in a snapshot that lacks it."""

    at: int  # microseconds since 1970, by the clock of who made it
    row: int
    change: Change
    place: int = -1  # its row in the snapshot that was live

    def record(self) -> Record:
        """The row of the journal."""
        change, facts = self.change, {"at": self.at, "row": self.row, "place": self.place, "id": self.change.id}
        vector = ""
        if isinstance(change, Upsert):
            facts |= {
                "uri": change.item.uri,
                "content": change.content,
                "space_id": change.space_id,
                "attributes": dict(change.item.attributes),
            }
            vector = encoded(change.vector)
        document = json.dumps(facts, ensure_ascii=False)
        return {"key": id_key(change.id), "at": self.at, "document": document, "code": vector, "vector": NO_VECTOR}

    @classmethod
    def read(cls, record: Record) -> "LoggedChange":
        """The change of a row of the journal."""
        facts = json.loads(record["document"])
        change: Change = Delete(facts["id"])
        if record["code"]:
            item = GalleryItem(facts["id"], facts["uri"], facts["attributes"])
            change = Upsert(item, facts["content"], facts["space_id"], decoded([record["code"]])[0])
        return cls(facts["at"], facts["row"], change, facts.get("place", facts["row"]))


@dataclass(frozen=True, slots=True)
class ShopSnapshot:
    """A whole snapshot: its manifest, the types of its attributes, and how its source was read."""

    manifest: SnapshotManifest
    types: AttributeTypes
    columns: Mapping[str, str]
    notes: Sequence[str] = ()
    own: Sequence[str] = ()  # attributes with fields of their own

    def record(self) -> Record:
        """The row of its facts."""
        facts = {
            "manifest": dump(self.manifest),
            "types": dict(self.types),
            "columns": dict(self.columns),
            "notes": list(self.notes),
            "own": list(self.own),
        }
        document = json.dumps(facts, ensure_ascii=False)
        if len(document.encode()) > MOST_BYTES:  # notes are the longest part
            document = json.dumps(facts | {"notes": []}, ensure_ascii=False)
        return {"key": f"{SNAPSHOT}{self.manifest.name}", "document": document, "vector": NO_VECTOR}

    @classmethod
    def read(cls, record: Record) -> "ShopSnapshot":
        """The facts of a row; raises GalleryBroken if they are not as they were written."""
        try:
            facts = json.loads(record["document"])
            manifest = SnapshotManifest.model_validate_json(facts["manifest"])
            return cls(manifest, facts["types"], facts["columns"], facts["notes"], facts.get("own", []))
        except (ValueError, KeyError) as error:
            raise GalleryBroken(
                f"{record['key']} of Milvus cannot be read ({error}): build the gallery again"
            ) from error


class MilvusShop:
    """The collections of a shop, over one connection."""

    def __init__(self, connection: MilvusConnection) -> None:
        self.connection = connection
        self.address = connection.address
        self._prefix = f"{self.address.shop}__"
        self._alias, self._journal, self._meta = (f"{self._prefix}{name}" for name in ("live", "journal", "meta"))
        self.served = ServedCollections(connection, self._meta)
        for name in {self._journal, self._meta} & set(connection.collections()):
            connection.load(name)

    def prepare(self) -> None:
        """Makes the journal and the collection of facts, if they are not there."""
        from pymilvus import DataType

        there = set(self.connection.collections())
        key = ("key", {"datatype": DataType.VARCHAR, "is_primary": True, "max_length": 2 * KEY})
        document = ("document", {"datatype": DataType.VARCHAR, "max_length": MOST_BYTES})
        vector = ("vector", {"datatype": DataType.FLOAT_VECTOR, "dim": len(NO_VECTOR)})
        at = ("at", {"datatype": DataType.INT64})
        code = ("code", {"datatype": DataType.VARCHAR, "max_length": MOST_BYTES})
        if self._meta not in there:
            self.connection.create(self._meta, [key, document, vector], index_of(0))
        if self._journal not in there:
            self.connection.create(self._journal, [key, at, document, code, vector], index_of(0))

    def live_name(self) -> str:
        """The name of the live snapshot; raises GalleryMissing if there is none."""
        live = self.connection.alias(self._alias)
        if live is None:
            raise GalleryMissing(
                f"no gallery is at {self.address.name}: build one with `likebut index build SOURCE --gallery"
                f" {self.address.name}`"
            )
        return self._snapshot_of(live)

    def name_for(self, space_id: str) -> str:
        """The name of the live snapshot, or, if it is of another space, of the newest of this one that is kept, if any.

        A service of a former model goes on with that, also after a restart. Raises GalleryMissing if none is live.
        """
        live, spaces = self.live_name(), {manifest.name: manifest.space_id for manifest in self.snapshots()}
        own = [name for name, space in spaces.items() if space == space_id]
        return live if spaces.get(live) == space_id or not own else own[-1]

    def snapshot(self, name: str) -> ShopSnapshot:
        """The facts of a whole snapshot; raises GalleryBroken if there are none."""
        found = self.connection.query(self._meta, f'key == "{SNAPSHOT}{name}"', ["key", "document"], strong=True)
        if not found:
            raise GalleryBroken(f"the snapshot {name} of {self.address.name} has no manifest: build the gallery again")
        return ShopSnapshot.read(found[0])

    def snapshots(self) -> list[SnapshotManifest]:
        """The manifests of the kept snapshots, the oldest first."""
        if self._meta not in self.connection.collections():
            return []
        found = self.connection.query(self._meta, f'key like "{SNAPSHOT}%"', ["key", "document"], strong=True)
        return sorted((ShopSnapshot.read(record).manifest for record in found), key=lambda manifest: manifest.name)

    def put(self, facts: ShopSnapshot) -> None:
        """Writes the facts of a snapshot: from then on it is whole."""
        self.connection.upsert(self._meta, [facts.record()])

    def collection(self, facts: ShopSnapshot) -> Collection:
        """The items of a snapshot."""
        name = self.collection_name(facts.manifest.name)
        self.connection.load(name)
        return Collection(self.connection, name, facts.manifest, facts.own)

    def create(self, name: str, *, dimension: int, count: int, own: Sequence[str]) -> str:
        """Makes the empty collection of a new snapshot, and returns its name."""
        collection = self.collection_name(name)
        self.connection.create(collection, fields(dimension, own), index_of(count))
        return collection

    def publish(self, name: str) -> None:
        """Makes a whole snapshot live, in one step."""
        self.connection.point(self._alias, self.collection_name(name))

    def retire(self) -> None:
        """Drops all but the last snapshots and those that services answer from, and what dead builds left.

        Call it under the lease.
        """
        live = self.live_name()
        others = [manifest.name for manifest in self.snapshots() if manifest.name != live]
        self.served.clear()
        served = self.served.collections()
        old = others[: max(0, len(others) - (SNAPSHOTS_KEPT - 1))]
        old = [name for name in old if self.collection_name(name) not in served]
        for name in old:  # its facts first: a half-dropped snapshot is never taken for a whole one
            self.connection.delete(self._meta, f'key == "{SNAPSHOT}{name}"')
        kept = {self.collection_name(name) for name in (live, *others) if name not in old}
        others_of_shop = {self._journal, self._meta, self._alias}
        for collection in self.connection.collections():
            if collection.startswith(self._prefix) and collection not in kept | others_of_shop:
                self.connection.drop(collection)

    def release(self) -> None:
        """Frees the memory of kept collections that no service answers from, under the lease; opening loads them."""
        if self.connection.is_lite:
            return
        used = {self.connection.alias(self._alias), *self.served.collections()}
        for collection in (self.collection_name(manifest.name) for manifest in self.snapshots()):
            if collection not in used:
                self.connection.release(collection)

    def log(self, changes: Sequence[LoggedChange]) -> None:
        """Writes changes to the journal, each in the place of its item's last one."""
        self.connection.upsert(self._journal, [change.record() for change in changes])

    def stamps(self) -> Mapping[str, int]:
        """When each item of the journal was changed last, by its key."""
        return {record["key"]: int(record["at"]) for record in self._logged(["at"])}

    def logged(self, known: Mapping[str, int]) -> list[LoggedChange]:
        """The last change of each item that is not among the known ones, in the order of their times."""
        keys = [key for key, at in self.stamps().items() if known.get(key) != at]
        return sorted(self.last_changes(keys).values(), key=lambda change: change.at)

    def last_changes(self, keys: Sequence[str]) -> dict[str, LoggedChange]:
        """The last changes of the items of these keys, as far as the journal has any."""
        found: dict[str, LoggedChange] = {}
        for start in range(0, len(keys), 500):
            wanted, fields = key_in(keys[start : start + 500]), ["key", "document", "code"]
            for record in self.connection.query(self._journal, wanted, fields, strong=True):
                found[record["key"]] = LoggedChange.read(record)
        return found

    def changed(self, since: int, *, deleted: bool = False, strong: bool = False) -> int:
        """How many items were changed last after a time in seconds since 1970, or only how many of them deleted."""
        kind = ' and code == ""' if deleted else ""
        return self.connection.count(self._journal, f"at > {since * 10**6}{kind}", strong=strong)

    def forget(self, before: int) -> None:
        """Removes what the journal has from before a time, which every kept snapshot holds."""
        self.connection.delete(self._journal, f"at < {before}")

    @contextmanager
    def lease(self) -> Iterator[Callable[[], None]]:
        """Holds the shop for one build, and yields a function to be called again and again, which keeps it.

        That of a killed build is free after a while. Raises JobRunning.
        """
        owner, renewed = os.urandom(8).hex(), [time.monotonic()]
        busy = JobRunning(f"another build of {self.address.name} is running: wait until it is done")
        other, until = self._owner()
        if other and until > time.time():
            raise busy
        self._claim(owner)
        if self._owner()[0] != owner:
            raise busy

        def keep() -> None:
            if time.monotonic() - renewed[0] > LEASE_S / 5:
                if self._owner()[0] != owner:  # this process was asleep for so long that another has begun
                    raise busy
                self._claim(owner)
                renewed[0] = time.monotonic()

        try:
            yield keep
        finally:
            if self._owner()[0] == owner:
                self.connection.delete(self._meta, f'key == "{LEASE}"')

    def _claim(self, owner: str) -> None:
        document = json.dumps({"owner": owner, "until": time.time() + LEASE_S})
        self.connection.upsert(self._meta, [{"key": LEASE, "document": document, "vector": NO_VECTOR}])

    def _owner(self) -> tuple[str, float]:
        found = self.connection.query(self._meta, f'key == "{LEASE}"', ["document"], strong=True)
        facts: dict[str, Any] = json.loads(found[0]["document"]) if found else {}
        return facts.get("owner", ""), facts.get("until", 0.0)

    def _logged(self, fields: Sequence[str]) -> Iterator[Record]:
        """All rows of the journal, by their keys."""
        after = ""
        while True:
            lines = self.connection.query(self._journal, f'key > "{after}"', ["key", *fields], limit=PAGE, strong=True)
            lines.sort(key=lambda line: str(line["key"]))
            yield from lines
            if len(lines) < PAGE:
                return
            after = str(lines[-1]["key"])

    def collection_name(self, name: str) -> str:
        return f"{self._prefix}{name.lower().replace('-', '_')}"

    def _snapshot_of(self, collection: str) -> str:
        time_part, _, end = collection.removeprefix(self._prefix).rpartition("_")
        return f"{time_part.upper()}-{end}"
