"""Searches with few lists: no hit is kept back, pages fit together, and what is ranked has an end."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from index.items import attribute_file, items
from index.items.items import ItemTable
from index.search.request import SearchRequest, SearchResult
from index.search.search import Search
from index.storage.open_snapshot import OpenSnapshot
from index.storage.overlay import Overlay
from index.storage.row_candidates import RowCandidates
from index.storage.view import RowView
from index.vectors import shards
from index.vectors.encodings import Encoding
from index.vectors.exact import Exact, scaled
from index.vectors.ranking import Ranking
from index.vectors.shards import Shards
from models.arrays import Embeddings, Rows, Scores, normalised

COUNT, DIMENSION = 3000, 32
GROUPS = 12


def unit(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


def contents(folder: Path, encoding: Encoding, *, nprobe: int) -> RowView:
    """Items i0 to i2999, each with its remainder by GROUPS as `group`."""
    vectors = unit(COUNT, 0).astype(np.float16)
    written = shards.write(folder, shards.train(vectors, encoding=encoding), vectors, shards=2)
    opened = Shards.open([folder / name for name, _ in written], encoding=encoding)
    states = {name: [""] * COUNT for name in items.STATES}
    table = pyarrow.table({"id": [f"i{row}" for row in range(COUNT)], **states})
    attribute_file.write(folder / "attributes.arrow", ((f"i{row}", {"group": row % GROUPS}) for row in range(COUNT)))
    known = ItemTable(table, attribute_file.read(folder / "attributes.arrow"))
    base = OpenSnapshot(known, Ranking(opened, Exact(vectors, scaled(vectors)), nprobe))
    overlay = Overlay(known.rows, known.attributes.types, dimension=DIMENSION, through=0)
    return RowView(base, overlay.state)


@pytest.fixture(scope="module", params=["flat", "sq8", "rabitq"])
def few_lists(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RowView:
    return contents(tmp_path_factory.mktemp(request.param), request.param, nprobe=2)


def found(contents: RowView, queries: Embeddings, *wants: SearchRequest) -> list[SearchResult]:
    return Search(contents, contents.candidates(None), None).results(queries, wants)


def ids(found: SearchResult) -> Sequence[str]:
    return [hit.item.id for hit in found.hits]


def test_more_items_are_ranked_where_the_probed_lists_end_within_a_block(few_lists: RowView) -> None:
    for query in unit(100, 1):
        (rare,) = found(few_lists, query[np.newaxis], SearchRequest(k=GROUPS, group_by="group"))
        assert len(rare.hits) == GROUPS


def test_deep_pages_fit_together_beside_shallow_and_deeper_ones(few_lists: RowView) -> None:
    queries = unit(3, 2)
    whole = [ids(each) for each in found(few_lists, queries, *[SearchRequest(k=COUNT)] * 3)]
    assert [len({*each}) for each in whole] == [COUNT] * 3
    for offset in range(0, 300, 17):
        wants = SearchRequest(k=17, offset=offset), SearchRequest(k=2), SearchRequest(k=5, offset=2 * offset)
        pages = [ids(each) for each in found(few_lists, queries, *wants)]
        assert pages == [each[want.offset : want.offset + want.k] for each, want in zip(whole, wants, strict=True)]
        assert ids(found(few_lists, queries[:1], wants[0])[0]) == pages[0]


@pytest.fixture
def depths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows the searches of a test had ranked."""
    asked: list[int] = []
    order = RowCandidates.ranked

    def recorded(self: RowCandidates, queries: Embeddings, depth: int, *, nprobe: int | None) -> tuple[Scores, Rows]:
        asked.append(depth)
        return order(self, queries, depth, nprobe=nprobe)

    monkeypatch.setattr(RowCandidates, "ranked", recorded)
    return asked


def test_no_more_is_ranked_once_every_value_has_its_place(few_lists: RowView, depths: list[int]) -> None:
    lonely = frozenset(f"i{row}" for row in range(0, COUNT, GROUPS))  # all of a group
    wants = SearchRequest(k=20, group_by="group"), SearchRequest(k=20, group_by="group", exclude=lonely)
    for want, there in zip(wants, (GROUPS, GROUPS - 1), strict=True):
        depths.clear()
        (one_each,) = found(few_lists, unit(1, 3), want)
        assert {hit.item.attributes["group"] for hit in one_each.hits} == set(range(GROUPS - there, GROUPS))
        assert len(one_each.hits) == there
        assert max(depths) < COUNT and not one_each.notes


def test_what_no_row_can_fill_is_looked_for_so_far_and_said(
    few_lists: RowView, depths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.search.search.RANKED", 500)
    rare, grouped = found(few_lists, unit(2, 4), SearchRequest(k=20, alike=0.01), SearchRequest(k=20, group_by="group"))
    assert 0 < len(rare.hits) < 20 and len(grouped.hits) == GROUPS
    assert max(depths) == 500
    assert rare.notes == ["only the best 500 of 3000 items were looked through"] and not grouped.notes
    (whole,) = found(few_lists, unit(2, 4)[:1], SearchRequest(k=20, offset=200, alike=0.01))  # asks for more at once
    assert max(depths) == 880 and whole.notes == ["only the best 880 of 3000 items were looked through"]
