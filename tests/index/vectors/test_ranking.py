"""However rows are found, they come in the order of their cosines, and pages of one order fit together."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from index.vectors import shards
from index.vectors.encodings import ENCODING_FACTS, ENCODINGS, Encoding
from index.vectors.exact import FEW, Exact, inner_products, inner_products_at, scaled
from index.vectors.ranking import Ranking
from index.vectors.selection import DeadRows, Selection
from index.vectors.shards import Probes, Shards
from models.arrays import Embeddings, Vectors, normalised

COUNT, DIMENSION = 3000, 32


def unit(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return (unit(COUNT, 0) * np.linspace(0.5, 2, COUNT, dtype=np.float32)[:, np.newaxis]).astype(np.float16)


@pytest.fixture(scope="module", params=ENCODINGS)
def ranking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vectors: Vectors) -> Ranking:
    encoding: Encoding = request.param
    folder = tmp_path_factory.mktemp(encoding)
    written = shards.write(folder, shards.train(vectors, encoding=encoding), vectors, shards=2)
    opened = Shards.open([folder / name for name, _ in written], encoding=encoding)
    return Ranking(opened, Exact(vectors, scaled(vectors)), opened.nlist)


def cosines(vectors: Vectors, queries: Embeddings) -> Embeddings:
    return queries @ normalised(vectors.astype(np.float32)).T  # (B, n)


def test_the_best_of_all_lists_are_the_best_of_a_sort(ranking: Ranking, vectors: Vectors) -> None:
    queries = unit(20, 1)
    scores, rows = ranking.best(queries, 10)
    truth = np.argsort(-cosines(vectors, queries), axis=1)[:, :10]
    found = np.mean([len({*mine} & {*theirs}) / 10 for mine, theirs in zip(rows[:, :10], truth, strict=True)])
    assert found >= (0.8 if ranking.shards.encoding == "rabitq" else 0.99)
    near = 2e-6 if ENCODING_FACTS[ranking.shards.encoding].block else 3e-4
    np.testing.assert_allclose(scores, np.take_along_axis(cosines(vectors, queries), rows, axis=1), atol=near)


def test_more_hits_begin_with_the_hits_of_fewer(ranking: Ranking) -> None:
    queries = unit(5, 2)
    scores, rows = ranking.best(queries, 1000)
    for depth in (1, 7, 64, 65, 300):
        some_scores, some = ranking.best(queries, depth)
        assert some.shape[1] >= depth
        np.testing.assert_array_equal(some, rows[:, : some.shape[1]])
        np.testing.assert_array_equal(some_scores, scores[:, : some.shape[1]])


@pytest.mark.parametrize("kept", [None, 0.3])
def test_pages_beyond_the_probed_lists_fit_together_whatever_is_asked_beside_them(
    ranking: Ranking, kept: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vectors.ranking.SCANNED", 100)
    only = None if kept is None else Selection(np.random.default_rng(4).random(COUNT) < kept)
    possible = np.arange(COUNT) if only is None else only.rows
    queries = unit(5, 7)
    scores, rows = ranking.best(queries, COUNT, only=only, nprobe=3)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(possible, (5, 1)))
    for number, query in enumerate(queries[:, np.newaxis]):
        _, held = ranking.shards.search(query, COUNT, Probes(3), only=only)
        held = held[held >= 0]
        assert 0 < len(held) < len(possible) / 3
        assert {*rows[number, : len(held)].tolist()} == {*held.tolist()}  # before what other lists hold
        for depth in (1, len(held) - 1, len(held), len(held) + 1, len(held) + 40, 3 * len(held)):
            some_scores, some = ranking.best(query, depth, only=only, nprobe=3)
            there = int(np.count_nonzero(some >= 0))
            assert there >= depth
            np.testing.assert_array_equal(some[0, :there], rows[number, :there])
            np.testing.assert_array_equal(some_scores[0, :there], scores[number, :there])


def test_all_are_found_once_and_no_more_are_there(ranking: Ranking) -> None:
    _, rows = ranking.best(unit(3, 3), 10 * COUNT)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(COUNT), (3, 1)))


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3])
def test_a_selection_is_ranked_as_by_a_sort_of_its_rows(
    ranking: Ranking, vectors: Vectors, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vectors.ranking.SCANNED", 100)
    only = Selection(np.random.default_rng(4).random(COUNT) < kept)
    assert ranking.scans(only) == (kept < 0.3)
    queries = unit(10, 5)
    _, rows = ranking.best(queries, 10, only=only)
    truth = only.rows[np.argsort(-cosines(vectors, queries)[:, only.mask], axis=1)[:, :10]]
    assert rows.shape[1] >= truth.shape[1]
    found = np.mean([len({*mine} & {*theirs}) for mine, theirs in zip(rows[:, :10], truth, strict=True)])
    assert found >= (0.8 if ranking.shards.encoding == "rabitq" and kept == 0.3 else 0.99) * truth.shape[1]


@pytest.mark.parametrize("count", [0, 1, 7, FEW + 1])
def test_inner_products_are_those_of_a_matrix_product(count: int) -> None:
    queries, vectors = unit(count, 20), unit(40, 21)
    for some in (vectors, vectors[::2], vectors[:0]):
        np.testing.assert_allclose(inner_products(queries, some), queries @ some.T, atol=1e-6)
    rows = np.array([3, 3, 39, 0])
    np.testing.assert_allclose(inner_products_at(queries, vectors, rows), queries @ vectors[rows].T, atol=1e-6)


def test_ties_of_a_scan_come_in_the_order_of_the_rows() -> None:
    vectors = np.repeat(unit(3, 6), 40, axis=0).astype(np.float16)
    exact = Exact(vectors, scaled(vectors))
    _, rows = exact.best(vectors[50:51].astype(np.float32), np.arange(len(vectors)), 30)
    np.testing.assert_array_equal(rows[0], np.arange(40, 70))


def test_the_scores_of_many_rows_are_exact_and_take_the_memory_of_a_block() -> None:
    vectors, queries = unit(COUNT, 8).astype(np.float16), unit(2, 9)
    rows = np.random.default_rng(10).integers(-1, COUNT, size=(2, 100_000))
    tracemalloc.start()
    found = Exact(vectors, scaled(vectors)).scores(queries, rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < rows.nbytes * 4 < rows[0].size * DIMENSION * 4
    truth = np.take_along_axis(cosines(vectors, queries), rows, axis=1)
    np.testing.assert_allclose(found, np.where(rows < 0, -np.inf, truth), atol=2e-6)


@pytest.mark.parametrize("encoding", ["flat", "sq8"])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_tie_is_cut_between_rows_in_their_order(tmp_path: Path, encoding: Encoding, parts: int) -> None:
    query, other = unit(2, 11)
    twins = np.tile(normalised((query + other)[np.newaxis]), (57, 1))
    better = normalised(query + 0.05 * unit(20, 12))  # after the twins, so that FAISS's heap throws some of these out
    vectors = np.concatenate([twins, better]).astype(np.float16)
    written = shards.write(tmp_path, shards.train(vectors, encoding=encoding), vectors, shards=parts)
    opened = Shards.open([tmp_path / name for name, _ in written], encoding=encoding)
    ranking = Ranking(opened, Exact(vectors, scaled(vectors)), opened.nlist)
    for depth in (21, 25, 32, 40):
        _, rows = ranking.best(query[np.newaxis], depth)
        assert {*rows[0, :20].tolist()} == {*range(57, 77)}
        np.testing.assert_array_equal(rows[0, 20:], np.arange(rows.shape[1] - 20))


@pytest.mark.parametrize("dead_count", [50, 600, 1500])
def test_dead_rows_near_a_query_leave_no_gap_however_deep(
    ranking: Ranking, vectors: Vectors, dead_count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vectors.ranking.MOST_TIED", 128)
    query = unit(1, 11)
    alive = np.ones(COUNT, dtype=np.bool_)
    alive[np.argsort(-cosines(vectors, query)[0])[:dead_count]] = False
    dead = DeadRows(np.flatnonzero(~alive), alive)
    for depth in (10, 200):
        _, rows = ranking.best(query, depth, dead=dead)
        assert (rows[:, :depth] >= 0).all() and alive[rows[:, :depth]].all()
