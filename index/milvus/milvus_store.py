"""A gallery in Milvus: the live collection, to which changes are written after the journal has them."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from index.items.attribute_types import AttributeType, AttributeTypes, convert_attributes
from index.milvus.address import MilvusAddress
from index.milvus.collection import Collection
from index.milvus.connection import MilvusConnection
from index.milvus.contents import MilvusContents
from index.milvus.expressions import id_key, key_in
from index.milvus.pending_ids import PendingIds
from index.milvus.records import StoredItem
from index.milvus.row_watch import RowWatch
from index.milvus.shop import LoggedChange, MilvusShop, ShopSnapshot
from index.storage.changes import Change, Delete, Upsert
from index.storage.journal import Append
from index.storage.manifest import SnapshotManifest
from models.errors import GalleryError, GalleryMoved, GalleryUnavailable, InputError, SnapshotOutdated

SEEN_S = 30.0  # within which a write must be seen
TYPES_S = 1.0  # after which the types of attributes may be read again, if a request names an unknown one
SPARE = 10  # bits of a new row below the time


class MilvusStore:
    """One opened snapshot, which holds every change that was made since."""

    changes = 0  # since each is in the collection at once

    def __init__(self, shop: MilvusShop, facts: ShopSnapshot) -> None:
        self._shop = shop
        self._facts = facts
        # before it is loaded, since a build releases what no service answers from
        shop.served.note(shop.collection_name(facts.manifest.name))
        self._collection = shop.collection(facts)
        self._watch = RowWatch(shop, self._collection, facts.manifest)
        self._types = dict(facts.types)
        self._types_read = -TYPES_S
        self._writing = threading.Lock()
        self._pending = PendingIds()

    @classmethod
    def open(cls, address: MilvusAddress, *, space_id: str) -> "MilvusStore":
        """Opens the live snapshot, or the newest of the space if the live one is of another.

        Raises GalleryMissing, GalleryBroken, and GalleryError if Milvus does not answer.
        """
        shop = MilvusShop(MilvusConnection(address))
        return cls(shop, shop.snapshot(shop.name_for(space_id)))

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
        return MilvusContents(self._collection, dict(self._types), newer_types=self._newer_types, watch=self._watch)

    def _newer_types(self) -> AttributeTypes:
        """The types with those of the changes of other services, as they were a second ago or later."""
        if time.monotonic() - self._types_read > TYPES_S:
            self._types_read = time.monotonic()
            self._facts = self._shop.snapshot(self.manifest.name)
            self._types = dict(self._facts.types)
        return dict(self._types)

    @contextmanager
    def transaction(self) -> Iterator[tuple[MilvusContents, Append]]:
        """Only this process's changes wait: of two processes that change one item at the same time, the later wins.

        What it has written is waited for at its end, while the next one begins.
        """
        written: list[LoggedChange] = []
        try:
            with self._writing:
                self._check_live()
                contents = MilvusContents(self._collection, dict(self._types), pending=self._pending, watch=self._watch)
                yield contents, partial(self._append, contents, written)
            if written:
                self._settle(written)
                self._check_live()  # a build that ended meanwhile may not have seen them
        finally:
            self._pending.remove([each.change.id for each in written])

    def _check_live(self) -> None:
        live = self._shop.live_name()
        if live != self.manifest.name:
            raise SnapshotOutdated(f"the snapshot {live} is live, and {self.manifest.name} is open: open it again")

    def _append(self, contents: MilvusContents, written: list[LoggedChange], changes: Sequence[Change]) -> int:
        """Writes changes to the journal and to the live collection; `written` gets them."""
        last = {change.id: change for change in changes}
        if not last:
            return 0
        at = time.time_ns() // 1000
        contents.look_up(list(last))
        found = {id: contents.row(id) for id in last}
        logged = [LoggedChange(at, (at << SPARE) + number, change) for number, change in enumerate(last.values())]
        made = moved(logged, found)
        self._add_types(made)
        records = apply_records(made, dict(self._types))
        in_place = {each.change.id: each.row for each in made}
        logged = [replace(each, place=in_place.get(each.change.id, each.row)) for each in logged]
        self._shop.log(logged)
        self._pending.add(last)
        written += [replace(each, row=each.place) for each in logged]
        deleted = [each.row for each in made if not isinstance(each.change, Upsert)]
        write(self._collection, records, deleted)
        ids = [each.change.id for each in logged if not isinstance(each.change, Upsert)]
        self._shop.served.delete(ids, besides=self._collection.name)
        contents.forget(last)
        return at

    def _add_types(self, made: Sequence[LoggedChange]) -> None:
        """Writes the types of new attributes, beside those that other services have written; raises InputError."""
        types = dict(self._types)
        apply_records(made, types)
        while types != self._types:
            facts = self._shop.snapshot(self.manifest.name)
            types = dict(facts.types)
            apply_records(made, types)
            if types != facts.types:
                self._shop.put(replace(facts, types=types))
            else:  # the others have not written over ours
                self._facts, self._types = facts, types

    def _settle(self, written: Sequence[LoggedChange]) -> None:
        """Waits until a search finds the changes: by one query that sees all writes before it.

        It leaves one row of each item, if another service has changed the same one in the same moment.
        """
        end = time.monotonic() + SEEN_S
        waiting = {id_key(each.change.id): each for each in written}
        while waiting:
            keys = list(waiting)
            rows: dict[str, set[int]] = {key: set() for key in keys}
            for record in self._collection.query(key_in(keys), ["key", "row"], strong=True):
                rows[record["key"]].add(int(record["row"]))
            self._collection.forget()
            waiting = {key: each for key, each in waiting.items() if rows[key] != _expected(each)}
            if waiting:
                waiting = self._repaired(waiting, rows)
            if waiting and time.monotonic() > end:
                raise GalleryUnavailable(f"{self._shop.address.name} did not show a change for {SEEN_S:g} s: try again")

    def _repaired(self, waiting: Mapping[str, LoggedChange], rows: Mapping[str, set[int]]) -> dict[str, LoggedChange]:
        """Makes changes again that are the last ones of the journal, which are returned, and takes back the others.

        The journal is read after the rows, so the last change of it is later than all that made them.
        """
        last = self._shop.last_changes(list(waiting))
        again: dict[str, LoggedChange] = {}
        deleted: list[int] = []
        for key, each in waiting.items():
            logged = last.get(key)
            if logged is not None and logged.at == each.at:
                again[key] = each
                deleted += rows[key] - _expected(each)
            elif logged is not None and each.row in rows[key] and _is_left(each.row, rows[key], logged):
                deleted.append(each.row)
        write(self._collection, apply_records(list(again.values()), dict(self._types)), deleted)
        return again

    def check_writable(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def require_in_place(self) -> None:
        """Another one cannot take its place unnoticed: the transaction looks which is live."""

    def check_health(self) -> None:
        """Raises GalleryMoved if Milvus does not answer, or has no live snapshot; notes that this one serves."""
        try:
            self._shop.live_name()
            self._shop.served.note(self._collection.name)
        except GalleryError as error:
            raise GalleryMoved(str(error)) from error

    def close(self) -> None:
        self._watch.stop()
        self._shop.connection.close()


def _expected(change: LoggedChange) -> set[int]:
    """The rows of its item after a change."""
    return {change.row} if isinstance(change.change, Upsert) else set()


def _is_left(row: int, rows: set[int], last: LoggedChange) -> bool:
    """True if a row of an item is none after the last change of it."""
    return isinstance(last.change, Delete) or (last.place != row and len(rows) > 1)


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
