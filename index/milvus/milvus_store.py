"""A gallery in Milvus: the live collection, to which changes are written after the journal has them."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from index.items.attribute_types import AttributeType, convert_attributes
from index.milvus.address import MilvusAddress
from index.milvus.collection import Collection
from index.milvus.connection import MilvusConnection
from index.milvus.contents import MilvusContents
from index.milvus.records import StoredItem
from index.milvus.row_watch import RowWatch
from index.milvus.shop import LoggedChange, MilvusShop, ShopSnapshot
from index.storage.changes import Change, Upsert
from index.storage.journal import Append
from index.storage.manifest import SnapshotManifest
from models.errors import GalleryError, GalleryMoved, GalleryUnavailable, InputError, SnapshotOutdated

SEEN_S = 30.0  # within which a write must be seen
SPARE = 10  # bits of a new row below the time


class MilvusStore:
    """One opened snapshot, which holds every change that was made since."""

    changes = 0  # since each is in the collection at once

    def __init__(self, shop: MilvusShop, facts: ShopSnapshot) -> None:
        self._shop = shop
        self._facts = facts
        self._collection = shop.collection(facts)
        self._watch = RowWatch(shop, self._collection, facts.manifest)
        self._types = dict(facts.types)
        self._writing = threading.Lock()

    @classmethod
    def open(cls, address: MilvusAddress) -> "MilvusStore":
        """Opens the live snapshot; raises GalleryMissing, GalleryBroken, and GalleryError if Milvus does not answer."""
        shop = MilvusShop(MilvusConnection(address))
        return cls(shop, shop.snapshot(shop.live_name()))

    @property
    def manifest(self) -> SnapshotManifest:
        return self._facts.manifest

    @property
    def missing(self) -> Sequence[str]:
        return [self._watch.description] if self._watch.missing else []

    @property
    def address(self) -> MilvusAddress:
        """Its address."""
        return self._shop.address

    @property
    def folder(self) -> Path:
        return self._shop.address.folder

    def contents(self) -> MilvusContents:
        return MilvusContents(self._collection, dict(self._types), watch=self._watch)

    @contextmanager
    def transaction(self) -> Iterator[tuple[MilvusContents, Append]]:
        """Only this process's changes wait: of two processes that change one item at the same time, the later wins."""
        with self._writing:
            self._check_live()
            contents = MilvusContents(self._collection, dict(self._types), strong=True, watch=self._watch)
            yield contents, partial(self._append, contents)

    def _check_live(self) -> None:
        live = self._shop.live_name()
        if live != self.manifest.name:
            raise SnapshotOutdated(f"the snapshot {live} is live, and {self.manifest.name} is open: open it again")

    def _append(self, contents: MilvusContents, changes: Sequence[Change]) -> int:
        """Writes changes to the journal and to the live collection; returns when a search finds them."""
        last = {change.id: change for change in changes}
        if not last:
            return 0
        at = time.time_ns() // 1000
        contents.look_up(list(last))
        found = {id: contents.row(id) for id in last}
        logged = [LoggedChange(at, (at << SPARE) + number, change) for number, change in enumerate(last.values())]
        made = moved(logged, found)
        types = dict(self._types)
        records = apply_records(made, types)
        self._shop.log(logged)
        if types != self._types:
            self._facts = replace(self._facts, types=types)
            self._shop.put(self._facts)
            self._types = types
        deleted = [each.row for each in made if not isinstance(each.change, Upsert)]
        write(self._collection, records, deleted)
        contents.forget(last)
        self._await(made)
        self._collection.forget()
        self._check_live()  # a build that ended meanwhile may not have seen them
        return at

    def _await(self, made: Sequence[LoggedChange]) -> None:
        """Waits until a search finds the changes: by one query that sees all writes before it."""
        if not made:
            return
        end, last = time.monotonic() + SEEN_S, made[-1]
        while True:
            found = self._collection.query(f"row == {last.row}", ["row"], strong=True)
            if bool(found) == isinstance(last.change, Upsert):
                return
            if time.monotonic() > end:
                raise GalleryUnavailable(f"{self._shop.address.name} did not show a change for {SEEN_S:g} s: try again")
            time.sleep(0.02)

    def check_writable(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def require_in_place(self) -> None:
        """Another one cannot take its place unnoticed: the transaction looks which is live."""

    def check_health(self) -> None:
        """Raises GalleryMoved if Milvus does not answer, or has no live snapshot any more."""
        try:
            self._shop.live_name()
        except GalleryError as error:
            raise GalleryMoved(str(error)) from error

    def close(self) -> None:
        self._watch.stop()
        self._shop.connection.close()


def moved(logged: Sequence[LoggedChange], rows: Mapping[str, int | None]) -> list[LoggedChange]:
    """The changes with the rows that their items have in a collection, without deletions of what it does not have."""
    found = [replace(each, row=row) if (row := rows.get(each.change.id)) is not None else each for each in logged]
    return [each for each in found if isinstance(each.change, Upsert) or rows.get(each.change.id) is not None]


def apply_records(logged: Sequence[LoggedChange], types: dict[str, AttributeType | None]) -> list[StoredItem]:
    """The rows that changes put; `types` gets those of new attributes. Raises InputError for what cannot be held."""
    records = []
    for each in logged:
        if not isinstance(each.change, Upsert):
            continue
        upsert = each.change
        if upsert.further:
            raise InputError(f"the item {upsert.id!r} has several images: a gallery in Milvus holds one of each item")
        item = replace(upsert.item, attributes=convert_attributes(upsert.item.attributes, types))
        records.append(StoredItem(each.row, item, upsert.content, upsert.vector))
    return records


def write(collection: Collection, items: Sequence[StoredItem], deleted: Sequence[int]) -> None:
    """Puts and deletes rows of a collection."""
    if items:
        collection.connection.upsert(collection.name, [item.record(collection.own) for item in items])
    if deleted:
        collection.connection.delete(collection.name, f"row in {list(deleted)}")
