"""Rows that Milvus has lost sight of: every answer without them says so, and nothing is decided by their absence."""

import time
from pathlib import Path
from typing import Any

import pytest

from index.gallery import Gallery
from index.milvus import address, row_watch
from index.milvus.connection import MilvusConnection
from index.milvus.milvus_store import MilvusStore
from index.milvus.shop import MilvusShop
from index.search.deadline import Deadline
from index.search.listing import listed
from index.search.request import SearchRequest
from index.storage.changes import Delete
from models.errors import GalleryUnavailable
from tests.index.contract import engines
from tests.index.contract.engines import SPACE, Thing, things

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

DRAWN = things(200, 51)
LOST = range(50, 150)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"milvus-lite:{tmp_path / 'shop.db'}"


class Rows:
    """The rows of the live collection, behind the back of every gallery."""

    def __init__(self, place: str) -> None:
        shop = MilvusShop(MilvusConnection(address.parse(place)))
        self._connection = shop.connection
        self._collection = shop.collection(shop.snapshot(shop.live_name())).name
        self._lost: list[dict[str, Any]] = []

    def lose(self) -> None:
        """Removes some."""
        chosen = f"row in {list(LOST)}"
        self._lost = self._connection.query(self._collection, chosen, ["*"])
        self._connection.delete(self._collection, chosen)

    def find(self) -> None:
        """Puts them back."""
        self._connection.upsert(self._collection, self._lost)


def notes(gallery: Gallery) -> list[str]:
    query = DRAWN[0].vector.astype("float32")[None]
    (result,) = gallery.view().search(query, [SearchRequest(k=3)])
    assert len(result.hits) == 3
    return list(result.notes)


def test_answers_without_lost_rows_say_so_until_these_are_back(place: str) -> None:
    gallery, rows = engines.in_milvus(place, DRAWN), Rows(place)
    assert notes(gallery) == [] and gallery.missing == []
    rows.lose()
    assert notes(gallery) and gallery.missing
    opened = Gallery.open(Path(place), space_id=SPACE)
    for view in (gallery.view(), opened.view()):
        assert view.item(DRAWN[0].id).attributes == DRAWN[0].attributes
        with pytest.raises(GalleryUnavailable):
            view.item(DRAWN[LOST[0]].id)
        with pytest.raises(GalleryUnavailable):
            listed(view.rows, None, after="", limit=3, check=Deadline().check)
        with pytest.raises(GalleryUnavailable):
            view.browse(SearchRequest(k=3))
    rows.find()
    time.sleep(row_watch.HELD_S)
    assert notes(gallery) == [] and notes(opened) == [] and gallery.missing == []
    assert gallery.view().item(DRAWN[LOST[0]].id).attributes == DRAWN[LOST[0]].attributes


def test_a_change_of_an_item_that_may_be_lost_is_refused(place: str) -> None:
    gallery, rows = engines.in_milvus(place, DRAWN), Rows(place)
    rows.lose()
    lost, there = DRAWN[LOST[0]], DRAWN[0]
    for change in (Delete(lost.id), lost.upsert, Thing("new", lost.vector, {}).upsert):
        with pytest.raises(GalleryUnavailable):
            gallery.change([change])
    gallery.change([there.upsert])
    rows.find()
    time.sleep(row_watch.HELD_S)
    gallery.change([lost.upsert, Delete(there.id)])
    assert len(gallery.view()) == len(DRAWN) - 1


def test_a_build_does_not_begin_with_a_part_of_the_items(place: str) -> None:
    engines.build(place, DRAWN)
    Rows(place).lose()
    shop = MilvusShop(MilvusConnection(address.parse(place)))
    facts = shop.snapshot(shop.live_name())
    with row_watch.RowWatch(shop, shop.collection(facts), facts.manifest) as watch:
        assert watch.missing == len(LOST)
        with pytest.raises(GalleryUnavailable):
            watch.require("a build reads all items")


def test_items_that_another_service_deletes_are_not_missing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_watch, "STEADY_S", 0.2)
    gallery = engines.in_milvus(place, DRAWN)
    other = Gallery.open(Path(place), space_id=SPACE)
    for thing in things(30, 52, "n"):
        other.change([thing.upsert])
    assert notes(gallery) == []
    end = time.monotonic() + 20
    while _watched(gallery) < len(DRAWN) + 30:  # rows that were counted for a while must be there
        assert time.monotonic() < end
        time.sleep(0.05)
    other.change([Delete(thing.id) for thing in DRAWN[:120]])
    for opened in (gallery, other, Gallery.open(Path(place), space_id=SPACE)):
        assert notes(opened) == [] and opened.missing == []
        assert len(opened.view().ids) == len(DRAWN) + 30 - 120


def _watched(gallery: Gallery) -> int:
    """The number of rows that must be there."""
    assert isinstance(gallery.store, MilvusStore)
    gallery.view().search(DRAWN[0].vector.astype("float32")[None], [SearchRequest(k=1)])
    return gallery.store._watch._least
