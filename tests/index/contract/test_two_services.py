"""Two services over one shop in Milvus: what one has acknowledged the other finds, and no change is lost."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from index.gallery import Gallery
from index.items.filters import parse
from index.milvus.milvus_store import MilvusStore
from index.search.request import SearchRequest
from index.storage.changes import Change, Delete, Upsert
from models.errors import InputError
from tests.index.contract import engines
from tests.index.contract.engines import Thing, things

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

BOUND_S = 5.0  # Milvus's bounded staleness; of one replica of its query nodes there is none


def opened(server: str, shop: str, count: int) -> tuple[Gallery, Gallery, list[Thing]]:
    """Two galleries as two services open them, and the items."""
    drawn = things(count, 41)
    place = f"milvus://{server}/{shop}"
    return engines.in_milvus(place, drawn), Gallery.open(Path(place), space_id=engines.SPACE), drawn


def hits(gallery: Gallery, thing: Thing, request: SearchRequest) -> list[str]:
    try:
        gallery.view().check(request)
    except InputError:  # an attribute that it does not know yet
        return []
    (result,) = gallery.view().search(thing.vector.astype("float32")[None], [request])
    return [hit.item.id for hit in result.hits]


def put(id: str, thing: Thing, **attributes: object) -> Upsert:
    return Thing(id, thing.vector, {**thing.attributes, **attributes}).upsert


def test_what_one_has_acknowledged_the_other_finds(server: str) -> None:
    one, other, drawn = opened(server, "two", 40)
    for number in range(8):
        writer, reader = (one, other) if number % 2 else (other, one)
        id, name = f"new{number}", f"mark{number}"  # an attribute that the other has never seen
        changes: list[Change] = [put(id, drawn[number], **{name: number}), Delete(drawn[-1 - number].id)]
        writer.change(changes)
        begun = time.monotonic()
        wanted = SearchRequest(k=1, filter=parse({name: number}))
        while hits(reader, drawn[number], wanted) != [id] or drawn[-1 - number].id in reader.view():
            assert time.monotonic() - begun < BOUND_S, number
    types = one.view().rows.types
    assert {f"mark{number}" for number in range(8)} <= set(types), types


def test_an_item_that_both_put_is_there_once(server: str) -> None:
    one, other, drawn = opened(server, "both", 40)
    with ThreadPoolExecutor(4) as pool:
        for number in range(10):
            ids = [f"same{number}", f"{number}same"]

            def change(gallery: Gallery, ids: Sequence[str], number: int = number) -> None:
                gallery.change([put(id, drawn[number], price=float(number)) for id in ids])

            galleries = [one, other, one, other]
            for done in [pool.submit(change, gallery, ids) for gallery in galleries]:
                done.result()
            wanted = SearchRequest(k=9, filter=parse({"price": float(number)}))
            assert sorted(id for id in hits(one, drawn[number], wanted) if "same" in id) == sorted(ids)
    assert len(one.view()) == len(drawn) + 20


def test_the_last_change_wins_whoever_made_it(server: str) -> None:
    one, other, drawn = opened(server, "last", 40)
    for number in range(6):
        first, second = (one, other) if number % 2 else (other, one)
        first.change([put("item", drawn[number], price=1.0)])
        second.change([put("item", drawn[number], price=2.0)])
        assert one.view().item("item").attributes["price"] == 2.0 == other.view().item("item").attributes["price"]
        first.change([Delete("item")])
        assert "item" not in second.view() and "item" not in first.view()


def test_changes_of_one_service_wait_together(server: str) -> None:
    one, _, drawn = opened(server, "together", 40)
    begun = time.monotonic()
    one.change([put("alone", drawn[0])])
    alone = time.monotonic() - begun
    with ThreadPoolExecutor(16) as pool:
        begun = time.monotonic()
        for done in [pool.submit(one.change, [put(f"new{number}", drawn[number])]) for number in range(16)]:
            done.result()
        together = time.monotonic() - begun
    assert len(one.view()) == len(drawn) + 17
    assert together < 16 * alone / 2, (alone, together)


def test_two_rows_of_an_item_become_one(server: str) -> None:
    """A service that did not see the other's new item makes a second row of it, which its own wait finds."""
    one, other, drawn = opened(server, "rows", 40)
    one.change([put("item", drawn[0], price=1.0)])
    assert isinstance(other.store, MilvusStore)
    store, real = other.store, other.store.contents()
    with store.transaction() as (contents, append):
        contents.look_up(["item"])
        assert contents.row("item") is not None
        contents._rows["item"] = None  # as a stale query answers
        append([replace(put("item", drawn[0], price=2.0))])
    rows = [record["row"] for record in real.collection.query("row >= 0", ["row"], strong=True)]
    assert len(rows) == len(set(rows)) == len(drawn) + 1
    assert one.view().item("item").attributes["price"] == 2.0
