"""Every engine answers as the exact search does: the same random requests, before and after the same changes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from index import places
from index.gallery import Gallery
from index.items.filters import parse
from index.search.deadline import Deadline
from index.search.listing import listed
from index.search.request import SearchRequest
from index.search.result_order import ResultOrder, SortKey
from index.storage.changes import Change, Delete
from index.vectors.recall import composed_queries
from models.arrays import Embeddings, normalised
from models.errors import InputError
from tests.index.contract import engines
from tests.index.contract.engines import DIMENSION, Thing, things
from tests.index.contract.oracle import Expected, Oracle, drawn_filter, drawn_request
from tests.index.naive_filters import holds

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

COUNT = 300
REQUESTS = {"folder": 300, "lite": 60, "server": 300}

Opened = tuple[str, Gallery, list[Thing]]


@pytest.fixture(scope="module", params=["folder", "lite", "server"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    drawn, folder = things(COUNT, 1), tmp_path_factory.mktemp("contract")
    if request.param == "server":
        where = request.getfixturevalue("server")
        return "server", engines.in_milvus(f"milvus://{where}/contract", drawn), drawn
    if request.param == "folder":
        return "folder", engines.in_folder(folder / "gallery", drawn), drawn
    return request.param, engines.in_milvus(f"milvus-lite:{folder / 'shop.db'}", drawn), drawn


def queries(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


def check(gallery: Gallery, oracle: Oracle, count: int, seed: int) -> None:
    """Asks so many random requests, and compares each answer with the exact search's."""
    generator = np.random.default_rng(seed)
    ids = [thing.id for thing in oracle.things]
    for number, query in enumerate(queries(count, seed)):
        given, request = drawn_request(generator, ids)
        (result,) = gallery.view().search(query[np.newaxis], [request])
        expected = oracle.answer(query, given, request)
        found = Expected(
            [hit.item.id for hit in result.hits],
            [hit.score for hit in result.hits],
            result.total,
            {name: list(counts) for name, counts in result.facets.items()},
            dict(result.ranges),
            result.matches,
        )
        context = number, given, request
        assert found.ids == expected.ids, context
        assert found.scores == pytest.approx(expected.scores, abs=2e-6), context
        assert (found.total, found.matches) == (expected.total, expected.matches), context
        assert found.facets == expected.facets and found.ranges == expected.ranges, context
        for hit in result.hits:
            thing = oracle.things[ids.index(hit.item.id)]
            assert hit.item.attributes == thing.attributes, context


def test_random_requests_are_answered_as_by_the_exact_search(opened: Opened) -> None:
    engine, gallery, drawn = opened
    check(gallery, Oracle(drawn), REQUESTS[engine], seed=3)


def test_pages_without_a_query_are_those_of_the_naive_order(opened: Opened) -> None:
    _, gallery, drawn = opened
    generator = np.random.default_rng(5)
    for _ in range(4):
        given = drawn_filter(generator)
        passing = [thing for thing in drawn if holds(given, thing.attributes)]
        found, total = listed(gallery.view().rows, parse(given), after="i0100", limit=30, check=Deadline().check)
        assert [item.id for item in found] == sorted(each.id for each in passing if each.id > "i0100")[:30]
        assert total == len(passing)
        order = ResultOrder(sort=(SortKey("price", descending=True),))
        page = gallery.view().browse(SearchRequest(k=40, filter=parse(given), order=order, facets=("tags",)))
        prices = [thing.attributes["price"] for thing in passing if "price" in thing.attributes]
        assert [item.attributes.get("price") for item in page.items] == (
            sorted(prices, reverse=True) + [None] * (len(passing) - len(prices))
        )[:40]
        assert page.total == len(passing)


def test_items_are_looked_up_by_their_ids(opened: Opened) -> None:
    _, gallery, drawn = opened
    view = gallery.view()
    assert len(view) == COUNT and list(view.ids) == [thing.id for thing in drawn]
    assert "i0007" in view and "nothing" not in view
    assert view.item("i0007").attributes == drawn[7].attributes
    expected = normalised(drawn[7].vector[np.newaxis].astype(np.float32))[0]
    assert np.allclose(view.vector("i0007"), expected, atol=1e-6)
    upsert = view.upsert("i0007")
    assert upsert is not None and upsert.content == drawn[7].content


def test_what_no_item_has_is_refused_by_name(opened: Opened) -> None:
    _, gallery, _ = opened
    for request, named in (
        (SearchRequest(filter=parse({"nothing": 1})), "nothing"),
        (SearchRequest(group_by="tags"), "tags"),
    ):
        with pytest.raises(InputError, match=named):
            gallery.view().check(request)


def changed(gallery: Gallery, drawn: Sequence[Thing], *, in_place: bool) -> list[Thing]:
    """The items after random changes, in the order of their rows: a folder moves changed ones to the end."""
    new = things(60, 11, "n")
    edits: list[Change] = []
    current = {thing.id: thing for thing in drawn}
    for number, thing in enumerate(new):
        id = thing.id if number % 3 == 0 else drawn[5 * number].id
        if number % 3 == 2:
            edits.append(Delete(id))
            current.pop(id, None)
            continue
        put = Thing(id, thing.vector, thing.attributes)
        edits.append(put.upsert)
        if not in_place:
            current.pop(id, None)
        current[id] = put
    half = len(edits) // 2
    gallery.change(edits[:half])
    gallery.change(edits[half:])
    return list(current.values())


@pytest.fixture(scope="module")
def after(opened: Opened) -> Callable[[], tuple[str, Gallery, list[Thing]]]:
    engine, gallery, drawn = opened
    done: list[list[Thing]] = []

    def once() -> tuple[str, Gallery, list[Thing]]:
        if not done:
            done.append(changed(gallery, drawn, in_place=engine != "folder"))
        return engine, gallery, done[0]

    return once


def test_changes_are_searched_at_once(after: Callable[[], tuple[str, Gallery, list[Thing]]]) -> None:
    engine, gallery, present = after()
    assert len(gallery.view()) == len(present)
    check(gallery, Oracle(present), REQUESTS[engine] // 3, seed=6)


def test_another_process_sees_the_same(after: Callable[[], tuple[str, Gallery, list[Thing]]]) -> None:
    engine, gallery, present = after()
    if engine == "folder":
        pytest.skip("a folder's changes are covered by the tests of its storage")
    other = Gallery.open(Path(engines.address_of(gallery)), space_id=engines.SPACE)
    check(other, Oracle(present), 10, seed=8)


def test_a_filter_keeps_the_recall_of_the_lists(server: str) -> None:
    drawn = things(24_000, 21)
    gallery = engines.in_milvus(f"milvus://{server}/lists", drawn)
    goal = gallery.manifest.recall_goal
    assert gallery.manifest.nlist > 1 and gallery.manifest.recall_at_10 >= goal
    oracle = Oracle(drawn)
    asked = composed_queries(oracle.vectors.astype(np.float16), count=60, seed=2)
    prices = np.array([thing.attributes.get("price", np.inf) for thing in drawn])
    for share in (1.0, 0.5, 0.1, 0.01):
        below = float(np.quantile(prices[np.isfinite(prices)], min(1.0, share / np.isfinite(prices).mean())))
        passing = np.flatnonzero(prices < below)
        request = SearchRequest(k=10, filter=parse({"price": {"lt": below}}))
        found = 0
        for query, result in zip(asked, gallery.view().search(asked, [request] * len(asked)), strict=True):
            scores = (oracle.vectors[passing] @ query).round(6)
            least = np.sort(scores)[-10]
            found += sum(hit.score >= least - 2e-6 for hit in result.hits)
        assert found / (10 * len(asked)) >= goal, share


def test_searches_go_on_while_the_alias_moves(server: str) -> None:
    place = f"milvus://{server}/moving"
    old, new = things(200, 31, "a"), things(200, 32, "b")
    gallery = engines.in_milvus(place, old)
    over, wrong, done = threading.Event(), list[object](), 0

    def search() -> int:
        opened, count = gallery, 0
        while not over.is_set():
            opened = opened if count % 5 else Gallery.open(Path(place), space_id=engines.SPACE)
            (result,) = opened.view().search(queries(1, count), [SearchRequest(k=20)])
            begins = {hit.item.id[0] for hit in result.hits}
            if len(result.hits) != 20 or len(begins) != 1:
                wrong.append((count, begins, len(result.hits)))
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(search) for _ in range(2)]
        for number in range(5):
            engines.build(place, new if number % 2 == 0 else old)
        over.set()
        done = sum(each.result() for each in running)
    assert not wrong and done > 20
    assert [manifest.name for manifest in places.kept_snapshots(Path(place))][2:] != []
