"""A server holds in memory what is searched: the live collection, and those that services answer from."""

from pathlib import Path

import pytest

from index.build.milvus import new_snapshot
from index.gallery import Gallery
from index.milvus import address
from index.milvus.connection import MilvusConnection
from index.milvus.shop import MilvusShop
from tests.index.contract import engines
from tests.index.contract.engines import SPACE, things

pymilvus = pytest.importorskip("pymilvus")


def test_kept_collections_are_not_loaded_but_those_that_services_answer_from(server: str) -> None:
    place = f"milvus://{server}/loaded"
    names = [engines.build(place, things(20, seed, "a")) for seed in (41, 42)]
    shop = MilvusShop(MilvusConnection(address.parse(place)))
    client = pymilvus.MilvusClient(shop.address.uri)

    def loaded() -> list[bool]:
        collections = [shop.collection_name(manifest.name) for manifest in shop.snapshots()]
        return [client.get_load_state(name)["state"].name == "Loaded" for name in collections]

    serving = Gallery.open(Path(place), space_id=SPACE)  # of the second
    engines.build(place, things(20, 43, "a"))
    assert loaded() == [False, True, True]
    assert len(serving.view().ids) == 20
    new_snapshot.roll_back(address.parse(place), names[0])
    assert loaded()[0] and len(Gallery.open(Path(place), space_id=SPACE).view().ids) == 20


def test_a_first_build_that_dies_before_it_is_live_does_not_end_the_next(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"milvus://{server}/first"

    def dying(self: MilvusShop, name: str) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
        patched.setattr(MilvusShop, "publish", dying)
        engines.build(place, things(20, 44, "a"))
    engines.build(place, things(20, 45, "b"))
    assert len(Gallery.open(Path(place), space_id=SPACE).view().ids) == 20
