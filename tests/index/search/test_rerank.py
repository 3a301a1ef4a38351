"""Re-ranked first rows: sorted as a list would be, in pages that fit together, before hits are arranged."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow
import pytest

from index.items import attribute_file, items
from index.items.items import ItemTable
from index.search.request import SearchRequest, SearchResult
from index.search.rerank import rerank
from index.search.search import Search
from index.storage.open_snapshot import OpenSnapshot
from index.storage.overlay import Overlay
from index.storage.view import RowView
from index.vectors import shards
from index.vectors.exact import Exact, scaled
from index.vectors.ranking import Ranking
from index.vectors.shards import Shards
from models.arrays import Embeddings, Scores, normalised
from models.errors import InputError

COUNT, DIMENSION, GROUPS = 400, 16, 7


def unit(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


LIKED = unit(1, 9)[0]  # what the re-ranker of these tests looks for, whatever is asked


def liked(numbers: Sequence[int], vectors: Embeddings) -> Scores:
    assert vectors.shape == (len(numbers), vectors.shape[1], DIMENSION)
    return vectors @ LIKED


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> RowView:
    """Items i0 to i399, each with its remainder by GROUPS as `group`."""
    folder = tmp_path_factory.mktemp("flat")
    vectors = unit(COUNT, 0).astype(np.float16)
    written = shards.write(folder, shards.train(vectors, encoding="flat"), vectors, shards=2)
    opened = Shards.open([folder / name for name, _ in written], encoding="flat")
    states = {name: [""] * COUNT for name in items.STATES}
    table = pyarrow.table({"id": [f"i{row}" for row in range(COUNT)], **states})
    attribute_file.write(folder / "attributes.arrow", ((f"i{row}", {"group": row % GROUPS}) for row in range(COUNT)))
    known = ItemTable(table, attribute_file.read(folder / "attributes.arrow"))
    base = OpenSnapshot(known, Ranking(opened, Exact(vectors, scaled(vectors)), opened.nlist))
    overlay = Overlay(known.rows, known.attributes.types, dimension=DIMENSION, through=0)
    return RowView(base, overlay.state)


def asked(contents: RowView, queries: Embeddings, *wants: SearchRequest) -> list[SearchResult]:
    return Search(contents, contents.candidates(None), None).results(queries, wants, liked)


def ids(found: SearchResult) -> list[str]:
    return [hit.item.id for hit in found.hits]


def expected(contents: RowView, query: Embeddings, count: int) -> list[str]:
    """All items: the first `count` by what is liked, the others by their cosine."""
    vectors = contents.vectors(np.arange(COUNT))
    order = sorted(range(COUNT), key=lambda row: (-round(float(vectors[row] @ query), 6), row))
    first = sorted(order[:count], key=lambda row: -round(float(vectors[row] @ LIKED), 6))
    return [f"i{row}" for row in first + order[count:]]


def test_the_first_are_sorted_by_their_new_scores_and_keep_their_cosines(contents: RowView) -> None:
    queries = unit(3, 1)
    counts = (0, 20, 60)
    found = asked(contents, queries, *[SearchRequest(k=90, rerank=count) for count in counts])
    for query, count, each in zip(queries, counts, found, strict=True):
        assert ids(each) == expected(contents, query, count)[:90]
        vectors = contents.vectors(np.array([int(hit.item.id[1:]) for hit in each.hits]))
        np.testing.assert_allclose([hit.score for hit in each.hits], vectors @ query, atol=2e-6)
        assert each.diagnostics == ([f"the first {count} of the ranking were re-ranked"] if count else [])


def test_pages_of_a_re_ranked_answer_fit_together(contents: RowView) -> None:
    query = unit(1, 2)
    whole = ids(asked(contents, query, SearchRequest(k=COUNT, rerank=50))[0])
    pages = [
        ids(asked(contents, query, SearchRequest(k=9, offset=offset, rerank=50))[0]) for offset in range(0, COUNT, 9)
    ]
    assert [id for page in pages for id in page] == whole == expected(contents, query[0], 50)


def test_hits_are_arranged_after_they_were_re_ranked(contents: RowView) -> None:
    query = unit(1, 3)
    order = expected(contents, query[0], 80)
    best_of_each = list({int(id[1:]) % GROUPS: id for id in reversed(order)}.values())
    want = SearchRequest(k=GROUPS, rerank=80, group_by="group")
    assert set(ids(asked(contents, query, want)[0])) == set(best_of_each)
    pinned = SearchRequest(k=30, rerank=80, pinned=(order[200],))
    assert ids(asked(contents, query, pinned)[0]) == [order[200], *order[:29]]


def test_what_is_never_among_the_hits_takes_no_candidates_place(contents: RowView) -> None:
    (query,) = unit(1, 5)
    whole = expected(contents, query, 0)
    hidden = frozenset(whole[:30:2])
    seen = [id for id in whole if id not in hidden]
    vectors = contents.vectors(np.arange(COUNT))
    order = sorted(seen[:20], key=lambda id: -round(float(vectors[int(id[1:])] @ LIKED), 6)) + seen[20:]
    for want in (
        SearchRequest(k=60, rerank=20),
        SearchRequest(k=3, rerank=20),
        SearchRequest(k=9, offset=14, rerank=20),
    ):
        (found,) = asked(contents, query[np.newaxis], replace(want, exclude=hidden))
        assert ids(found) == order[want.offset : want.offset + want.k]
        assert found.diagnostics == ["the first 20 of the ranking were re-ranked"]
    beside = asked(
        contents,
        np.stack([query, query]),
        SearchRequest(k=9, rerank=20),
        SearchRequest(k=90, rerank=20, exclude=hidden),
    )
    assert ids(beside[0]) == expected(contents, query, 20)[:9] and ids(beside[1]) == order[:90]
    (found,) = asked(contents, vectors[7][np.newaxis], SearchRequest(k=40, rerank=10, references=("i7",)))
    near = [id for id in expected(contents, vectors[7], 0) if id != "i7"]
    assert set(ids(found)[:10]) == set(near[:10]) and ids(found)[10:] == near[10:40]


def test_fewer_rows_than_are_to_be_re_ranked_are_all_of_them() -> None:
    rows = [np.array(line, dtype=np.int64) for line in ([4, 2, 7], [1], [], [9, 8])]
    told: list[Sequence[int]] = []

    def rescore(numbers: Sequence[int], vectors: Embeddings) -> Scores:
        told.append(numbers)
        return vectors[..., 0]

    found = rerank(rows, vectors=lambda _, some: some[:, np.newaxis].astype(np.float32), rescore=rescore)
    assert [each.tolist() for each in found] == [[7, 4, 2], [1], [], [9, 8]]
    assert told == [[0, 3]]


def test_a_search_that_nothing_re_ranks_is_refused(contents: RowView) -> None:
    with pytest.raises(InputError, match="leave out rerank"):
        Search(contents, contents.candidates(None), None).results(unit(1, 4), [SearchRequest(rerank=10)])
