"""Builds in Milvus that die, that meet changes, and that meet each other: what is live is whole, and keeps changes."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from index import places
from index.build.milvus import new_snapshot
from index.gallery import Gallery
from index.milvus import address
from index.milvus.connection import MilvusConnection
from index.milvus.served import NO_VECTOR
from index.milvus.shop import LEASE, MilvusShop
from index.storage.changes import Delete
from models.errors import JobRunning, SnapshotOutdated, SpaceMismatch
from tests.index.contract import engines
from tests.index.contract.engines import SPACE, Thing, things

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

OLD, NEW = things(20, 41, "a"), things(25, 42, "b")


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"milvus-lite:{tmp_path / 'shop.db'}"


def ids(place: str) -> set[str]:
    return set(Gallery.open(Path(place), space_id=SPACE).view().ids)


@pytest.mark.parametrize("step", ["create", "put", "publish", "retire", "forget"])
def test_a_build_that_dies_leaves_a_whole_gallery(place: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engines.build(place, OLD)
    real: Callable[..., object] = getattr(MilvusShop, step)

    def dying(self: MilvusShop, *arguments: object, **options: object) -> None:
        if step in ("create", "forget"):
            real(self, *arguments, **options)
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(MilvusShop, step, dying)
        with pytest.raises(ZeroDivisionError):
            engines.build(place, NEW)
    expected = OLD if step in ("create", "put", "publish") else NEW
    assert ids(place) == {thing.id for thing in expected}
    engines.build(place, NEW)
    assert ids(place) == {thing.id for thing in NEW}
    shop = MilvusShop(MilvusConnection(address.parse(place)))
    assert len(shop.connection.collections()) == 2 + len(shop.snapshots())


def test_only_the_last_snapshots_are_kept_and_one_is_rolled_back_to(place: str) -> None:
    names = [engines.build(place, part) for part in (OLD, NEW, OLD, NEW)]
    assert [manifest.name for manifest in places.kept_snapshots(Path(place))] == names[1:]
    gallery = Gallery.open(Path(place), space_id=SPACE)
    put = things(1, 50, "late")[0]
    gallery.change([put.upsert, Delete(NEW[3].id)])
    new_snapshot.roll_back(address.parse(place), names[2])
    assert ids(place) == {thing.id for thing in OLD} | {put.id}
    with pytest.raises(SnapshotOutdated):
        gallery.change([Delete(put.id)])


def test_changes_during_builds_are_kept(place: str) -> None:
    engines.build(place, OLD)
    over, acknowledged = threading.Event(), dict[str, bool]()
    late = things(400, 60, "late")

    def change() -> None:
        gallery = Gallery.open(Path(place), space_id=SPACE)
        for number, thing in enumerate(late):
            edit = thing.upsert if number % 4 else Delete(late[max(0, number - 2)].id)
            while True:
                try:
                    gallery.change([edit])
                    break
                except SnapshotOutdated:
                    gallery = Gallery.open(Path(place), space_id=SPACE)
            acknowledged[edit.id] = number % 4 != 0
            if over.is_set():
                return

    writer = threading.Thread(target=change)
    writer.start()
    for _ in range(3):
        engines.build(place, OLD)
    over.set()
    writer.join()
    present = ids(place)
    # a build takes what was changed before it for known to its source, so only the last one's count
    last = Gallery.open(Path(place), space_id=SPACE).manifest.created.timestamp() * 10**6
    shop = MilvusShop(MilvusConnection(address.parse(place)))
    later = {each.change.id for each in shop.logged({}) if each.at >= last}
    assert len(later) > 3
    assert {id for id in later if acknowledged.get(id)} <= present
    assert not {id for id in later if not acknowledged.get(id, True)} & present
    assert {thing.id for thing in OLD} <= present


def test_one_build_runs_at_a_time_and_a_dead_one_holds_it_only_for_a_while(place: str) -> None:
    engines.build(place, OLD)
    shop = MilvusShop(MilvusConnection(address.parse(place)))
    with shop.lease() as keep:
        keep()
        with pytest.raises(JobRunning):
            engines.build(place, NEW)
    for until, free in ((time.time() + 60, False), (time.time() - 1, True)):
        document = json.dumps({"owner": "dead", "until": until})
        shop.connection.upsert(
            f"{shop.address.shop}__meta", [{"key": LEASE, "document": document, "vector": NO_VECTOR}]
        )
        if free:
            engines.build(place, NEW)
        else:
            with pytest.raises(JobRunning):
                engines.build(place, NEW)
    assert ids(place) == {thing.id for thing in NEW}


def test_an_attribute_that_a_change_brings_is_known_at_once_and_after_a_build(place: str) -> None:
    engines.build(place, OLD)
    gallery = Gallery.open(Path(place), space_id=SPACE)
    brought = Thing("x", OLD[0].vector, {"season": "spring"})
    gallery.change([brought.upsert])
    for opened in (gallery, Gallery.open(Path(place), space_id=SPACE)):
        assert opened.view().rows.types["season"] == "text"
    with pytest.raises(SpaceMismatch):
        Gallery.open(Path(place), space_id="another")
