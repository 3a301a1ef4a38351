"""Searches of a changed gallery: what is dead is no hit, what is new is one, and nothing else moves."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pyarrow
import pytest

from index.items import attribute_file, filters, items
from index.items.items import GalleryItem, ItemTable
from index.search.request import SearchRequest, SearchResult
from index.search.search import Search
from index.storage.changes import Change, Delete, Entry, Upsert
from index.storage.open_snapshot import OpenSnapshot
from index.storage.overlay import Overlay
from index.storage.view import RowView
from index.vectors import shards
from index.vectors.encodings import Encoding
from index.vectors.exact import Exact, scaled
from index.vectors.ranking import Ranking
from index.vectors.shards import Shards
from models.arrays import Embeddings, Vectors, normalised

COUNT, DIMENSION, COLOURS = 2000, 16, 4
Gallery = tuple[OpenSnapshot, Vectors]


def unit(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


def opened(folder: Path, encoding: Encoding, *, nprobe: int | None) -> Gallery:
    """Items i0 to i1999, each with its remainder by COLOURS as `colour`; every 40th is a copy of the first."""
    vectors = unit(COUNT, 0).astype(np.float16)
    vectors[::40] = vectors[0]
    written = shards.write(folder, shards.train(vectors, encoding=encoding), vectors, shards=2)
    files = Shards.open([folder / name for name, _ in written], encoding=encoding)
    states = {name: [""] * COUNT for name in items.STATES}
    table = pyarrow.table({"id": [f"i{row}" for row in range(COUNT)], **states})
    path = folder / "attributes.arrow"
    attribute_file.write(path, ((f"i{row}", {"colour": row % COLOURS}) for row in range(COUNT)))
    ranking = Ranking(files, Exact(vectors, scaled(vectors)), nprobe or files.nlist)
    return OpenSnapshot(ItemTable(table, attribute_file.read(path)), ranking), vectors


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return opened(tmp_path_factory.mktemp("whole"), "flat", nprobe=None)


@pytest.fixture(scope="module", params=["flat", "sq8", "rabitq"])
def few_lists(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return opened(tmp_path_factory.mktemp(request.param), request.param, nprobe=5)


def changed(base: OpenSnapshot, changes: Sequence[Change]) -> RowView:
    overlay = Overlay(base.items.rows, base.items.attributes.types, dimension=DIMENSION, through=0)
    for number, change in enumerate(changes, start=1):
        overlay.apply([Entry(number, change)])
    return RowView(base, overlay.state)


def results(view: RowView, queries: Embeddings, request: SearchRequest) -> list[SearchResult]:
    return Search(view, view.candidates(request.filter), None).results(queries, [request] * len(queries))


def ids(result: SearchResult) -> list[str]:
    return [hit.item.id for hit in result.hits]


def random_changes(random: Random, vectors: Vectors, count: int) -> list[Change]:
    changes: list[Change] = []
    for number, row in enumerate(random.sample(range(COUNT), count)):
        id = f"i{row}" if random.random() < 0.9 else f"new{number}"
        vector = random.choice([vectors[row], vectors[0], unit(1, number + 1)[0].astype(np.float16)])
        item = GalleryItem(id, "", {"colour": random.randrange(COLOURS)})
        changes.append(Delete(id) if random.random() < 0.4 else Upsert(item, "", "space", vector))
    return changes


@pytest.mark.parametrize("count", [1, 50, 900, 1900])
def test_any_changes_leave_what_a_plain_sort_of_all_items_finds(whole: Gallery, count: int) -> None:
    base, vectors = whole
    random = Random(count)
    changes = random_changes(random, vectors, count)
    view = changed(base, changes)
    stored: dict[str, tuple[object, Embeddings]]
    unit_vectors = normalised(vectors.astype(np.float32))
    stored = {f"i{row}": (row % COLOURS, unit_vectors[row]) for row in range(COUNT)}
    for change in changes:
        stored.pop(change.id, None)
        if isinstance(change, Upsert):
            vector = normalised(change.vector.astype(np.float32)[np.newaxis])[0]
            stored[change.id] = (change.item.attributes["colour"], vector)
    for seed, colours in enumerate(([0, 1, 2, 3], [0], [1, 2, 3])):
        request = SearchRequest(k=60, filter=None if seed == 0 else filters.parse({"colour": colours}))
        wanted = {id: vector for id, (colour, vector) in stored.items() if colour in colours}
        queries = np.concatenate([unit(4, 100 + seed), unit_vectors[:1]])
        for query, result in zip(queries, results(view, queries, request), strict=True):
            cosines = {id: float(vector @ query) for id, vector in wanted.items()}
            best = sorted(cosines.values(), reverse=True)[:60]
            assert result.total == len(wanted) and len({*ids(result)}) == min(60, len(wanted))
            np.testing.assert_allclose([hit.score for hit in result.hits], best, atol=2e-6)
            np.testing.assert_allclose([cosines[id] for id in ids(result)], best, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.001, 0.1, 0.6])
def test_deleted_items_leave_the_others_in_their_order(few_lists: Gallery, share: float) -> None:
    base, _ = few_lists
    queries, request = unit(5, 7), SearchRequest(k=COUNT)
    before = [ids(result) for result in results(changed(base, []), queries, request)]
    gone = {f"i{row}" for row in np.flatnonzero(np.random.default_rng(8).random(COUNT) < share)} | {before[0][0]}
    view = changed(base, [Delete(id) for id in sorted(gone)])
    for query, order in zip(queries, before, strict=True):
        left = [id for id in order if id not in gone]
        (whole,) = results(view, query[np.newaxis], request)
        if base.ranking.shards.encoding == "flat" or share < 0.01:  # else the blocks of exact scores begin elsewhere
            assert ids(whole)[:10] == left[:10]
        assert {*ids(whole)} == {*left}
        for offset in range(0, 200, 40):
            (page,) = results(view, query[np.newaxis], SearchRequest(k=40, offset=offset))
            assert ids(page) == ids(whole)[offset : offset + 40]


def test_best_items_that_are_all_deleted_make_room_for_the_next(whole: Gallery) -> None:
    base, _ = whole
    query, request = unit(1, 9), SearchRequest(k=10)
    (before,) = results(changed(base, []), query, SearchRequest(k=COUNT))
    view = changed(base, [Delete(id) for id in ids(before)[:1300]])
    (after,) = results(view, query, request)
    assert ids(after) == ids(before)[1300:1310]
    assert len(after.hits) == 10 and after.total == COUNT - 1300


def test_a_deletion_does_not_make_a_search_compare_all_items(whole: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    base, _ = whole

    def scan(*_: object) -> None:
        raise AssertionError("every item was compared")

    monkeypatch.setattr(Exact, "best", scan)
    for count in (1, 100, COUNT // 2):
        (result,) = results(changed(base, [Delete(f"i{row}") for row in range(count)]), unit(1, 3), SearchRequest(k=20))
        assert len(result.hits) == 20 and not result.diagnostics
