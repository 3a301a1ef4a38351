"""Words and vectors together: the order of a plain sort by fused scores, under every rule, in pages that fit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from index.items import attribute_file, filters, items
from index.items.items import GalleryItem, ItemTable
from index.lexical.lexical_index import LexicalIndex
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
from models.arrays import Embeddings, normalised

COUNT, DIMENSION = 2000, 16
NAMES = ("title", "brand")
BRANDS = ("Fjord", "Cove", "Alder", "Brio")


def unit(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


def attributes(row: int) -> dict[str, str | int]:
    return {"title": f"thing {row % 50} model {row}", "brand": BRANDS[row % 4], "n": row % 10}


def opened(folder: Path, encoding: Encoding, *, nprobe: int | None) -> OpenSnapshot:
    vectors = unit(COUNT, 0).astype(np.float16)
    written = shards.write(folder, shards.train(vectors, encoding=encoding), vectors, shards=2)
    files = Shards.open([folder / name for name, _ in written], encoding=encoding)
    states = {name: [""] * COUNT for name in items.STATES}
    table = pyarrow.table({"id": [f"i{row}" for row in range(COUNT)], **states})
    attribute_file.write(folder / "attributes.arrow", ((f"i{row}", attributes(row)) for row in range(COUNT)))
    item_table = ItemTable(table, attribute_file.read(folder / "attributes.arrow"))
    ranking = Ranking(files, Exact(vectors, scaled(vectors)), nprobe or files.nlist)
    return OpenSnapshot(item_table, ranking, lexical=LexicalIndex.in_memory(NAMES, item_table))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> OpenSnapshot:
    return opened(tmp_path_factory.mktemp("whole"), "flat", nprobe=None)


@pytest.fixture(scope="module", params=["flat", "sq8"])
def few_lists(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenSnapshot:
    return opened(tmp_path_factory.mktemp(request.param), request.param, nprobe=3)


def changed(base: OpenSnapshot, changes: Sequence[Change] = ()) -> RowView:
    types = base.items.attributes.types
    overlay = Overlay(base.items.rows, types, dimension=DIMENSION, through=0, lexical=NAMES)
    return RowView(base, overlay.apply([Entry(number, change) for number, change in enumerate(changes, start=1)]))


def search(view: RowView, query: Embeddings, request: SearchRequest) -> SearchResult:
    (result,) = Search(view, view.candidates(request.filter), None).results(query[np.newaxis], [request])
    return result


def ids(result: SearchResult) -> list[str]:
    return [hit.item.id for hit in result.hits]


def put(id: str, title: str, vector: Embeddings) -> Upsert:
    item = GalleryItem(id, "", {"title": title, "brand": "Fjord", "n": 1})
    return Upsert(item, "", "space", vector.astype(np.float16))


def naive(view: RowView, query: Embeddings, request: SearchRequest) -> list[str]:
    """The candidates' ids by their fused scores."""
    candidates = view.candidates(request.filter)
    matches = candidates.matches(request.text)
    strengths = dict(zip(matches.rows.tolist(), matches.strengths.tolist(), strict=True))
    rows = candidates.rows().tolist()
    cosines = dict(zip(rows, (view.vectors(np.array(rows)) @ query).tolist(), strict=True))
    weight = request.lexical_weight
    fused = {row: (1 - weight) * cosines[row] + weight * strengths.get(row, 0) for row in rows}
    rows.sort(key=lambda row: (fused[row], cosines[row]), reverse=True)
    return [view.item(row).id for row in rows]


CHANGES: Sequence[Change] = [
    Delete("i7"),
    put("i8", "another title", unit(1, 8)[0]),
    put("new", "thing 7 model new", unit(1, 9)[0]),
]
TEXTS = ["thing 7 model 57", "Fjord", "a thing of Cove, please", "i57", "model", "nothing that is there"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("weight", [0.1, 0.5, 1.0])
def test_hits_are_those_of_a_plain_sort_by_fused_scores(base: OpenSnapshot, text: str, weight: float) -> None:
    for view in (changed(base), changed(base, CHANGES)):
        for filter in (None, filters.parse({"n": [1, 7]})):
            request = SearchRequest(k=100, text=text, lexical_weight=weight, filter=filter)
            query = unit(1, 3)[0]
            result, expected = search(view, query, request), naive(view, query, request)
            assert ids(result) == expected[:100]
            assert len(set(ids(result))) == 100 and result.total == len(expected)


def test_scores_stay_cosines_and_hits_name_the_texts_that_match(base: OpenSnapshot) -> None:
    view, query = changed(base, CHANGES), unit(1, 4)[0]
    result = search(view, query, SearchRequest(k=50, text="thing 7 model 57", lexical_weight=0.5))
    assert result.hits[0].item.id == "i57" and result.hits[0].matched == ["title"]
    for hit in result.hits:
        row = view.row(hit.item.id)
        assert row is not None and hit.score == pytest.approx(view.score(query, row), abs=2e-6)
    plain = search(view, query, SearchRequest(k=50, text="thing 7 model 57"))
    assert not any(hit.matched for hit in plain.hits)
    assert ids(plain) == ids(search(view, query, SearchRequest(k=50)))


def test_brands_ids_and_titles_come_first_whatever_the_vectors_say(few_lists: OpenSnapshot) -> None:
    view = changed(few_lists, CHANGES)
    queries = unit(40, 12) * 0.4  # as far apart as the cosines of a model are
    for seed, row in enumerate(range(11, COUNT, 97)):
        for text in (f"i{row}", attributes(row)["title"]):
            hits = search(view, queries[seed], SearchRequest(k=3, text=str(text), lexical_weight=0.5)).hits
            assert hits[0].item.id == f"i{row}"
    for brand in BRANDS:
        hits = search(view, queries[30], SearchRequest(k=24, text=brand, lexical_weight=0.5)).hits
        assert [hit.item.attributes["brand"] for hit in hits] == [brand] * 24
    assert ids(search(view, queries[31], SearchRequest(k=1, text="thing 7 model new", lexical_weight=0.5))) == ["new"]


@pytest.mark.parametrize("text", TEXTS)
def test_pages_fit_together_however_deep(few_lists: OpenSnapshot, text: str) -> None:
    view, query = changed(few_lists, CHANGES), unit(1, 7)[0]
    whole = ids(search(view, query, SearchRequest(k=COUNT + 1, text=text, lexical_weight=0.3)))
    assert len(set(whole)) == len(whole) == COUNT
    for k, offset in [(1, 0), (20, 0), (20, 20), (7, 333), (24, 990), (300, 1300)]:
        page = search(view, query, SearchRequest(k=k, offset=offset, text=text, lexical_weight=0.3))
        assert ids(page) == whole[offset : offset + k]


def test_rules_hold_for_matches_as_for_all_hits(base: OpenSnapshot) -> None:
    view, query = changed(base, CHANGES), unit(1, 10)[0]
    text = "thing 7 model 57"
    request = SearchRequest(
        k=30, text=text, lexical_weight=0.5, exclude=frozenset(["i57"]), pinned=("i1999", "i7"), group_by="n"
    )
    result = search(view, query, request)
    assert "i57" not in ids(result) and ids(result)[0] == "i1999"
    assert len({hit.item.attributes["n"] for hit in result.hits}) == len(result.hits) == 10
    left_out = search(view, query, SearchRequest(k=30, text=text, lexical_weight=0.5, references=("i57",)))
    assert "i57" not in ids(left_out) and len(left_out.hits) == 30
    cove = search(
        view, query, SearchRequest(k=30, text=text, lexical_weight=0.5, filter=filters.parse({"brand": "Cove"}))
    )
    assert ids(cove)[0] == "i57" and {hit.item.attributes["brand"] for hit in cove.hits} == {"Cove"}
