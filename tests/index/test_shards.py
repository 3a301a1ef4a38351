"""Several shards find what one flat search finds."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from index import recall, shards
from index.recall import Vectors
from index.shards import Shards
from models.arrays import Embeddings, normalised
from models.errors import GalleryBroken


def unit(count: int, dimension: int, seed: int = 0) -> Embeddings:
    values = np.random.default_rng(seed).standard_normal((count, dimension))
    return normalised(values.astype(np.float32))


def made(folder: Path, vectors: Vectors, parts: int) -> Shards:
    written = shards.write(folder, shards.train(vectors), vectors, shards=parts)
    assert [count for _, count in written] == [len(range(part, len(vectors), parts)) for part in range(parts)]
    return Shards.open([folder / name for name, _ in written])


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_all_lists_of_any_number_of_shards_find_the_rows_of_a_flat_search(tmp_path: Path, parts: int) -> None:
    vectors = unit(1500, 32).astype(np.float16)
    queries = unit(40, 32, seed=1)
    opened = made(tmp_path, vectors, parts)
    flat = faiss.IndexFlatIP(32)
    flat.add(normalised(vectors.astype(np.float32)))
    scores, rows = opened.search(queries, 20, opened.nlist)
    true_scores, true_rows = flat.search(queries, 20)
    np.testing.assert_array_equal(rows, true_rows)
    np.testing.assert_allclose(scores, true_scores, atol=2e-6)


@pytest.mark.parametrize("nprobe", [1, 3])
def test_shards_share_their_lists_so_that_few_probes_find_the_same_in_one_and_in_four(
    tmp_path: Path, nprobe: int
) -> None:
    vectors = unit(1500, 32).astype(np.float16)
    queries = unit(40, 32, seed=1)
    (tmp_path / "one").mkdir()
    (tmp_path / "four").mkdir()
    _, one = made(tmp_path / "one", vectors, 1).search(queries, 10, nprobe)
    _, four = made(tmp_path / "four", vectors, 4).search(queries, 10, nprobe)
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 39, 78, 100])
def test_a_tiny_gallery_works_even_with_fewer_items_than_shards(tmp_path: Path, count: int) -> None:
    vectors = unit(count, 16).astype(np.float16)
    opened = made(tmp_path, vectors, 4)
    scores, rows = opened.search_all(vectors.astype(np.float32), 200, 1)
    assert rows.shape == (count, count)
    np.testing.assert_array_equal(rows[:, 0], np.arange(count))
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(count), (count, 1)))
    assert (np.diff(scores, axis=1) <= 0).all()


def test_twins_come_in_the_order_of_their_rows_whatever_the_shards(tmp_path: Path) -> None:
    vectors = np.repeat(unit(1, 16), 90, axis=0).astype(np.float16)
    for parts in (1, 2, 3):
        folder = tmp_path / str(parts)
        folder.mkdir()
        scores, rows = made(folder, vectors, parts).search_all(unit(1, 16), 12, 1)
        np.testing.assert_array_equal(rows, [np.arange(12)])
        np.testing.assert_allclose(scores, 1, atol=1e-5)


def test_a_search_that_asks_for_more_than_the_probed_lists_hold_goes_on_in_all(tmp_path: Path) -> None:
    vectors = unit(800, 16).astype(np.float16)
    opened = made(tmp_path, vectors, 2)
    queries = unit(5, 16, seed=2)
    _, few = opened.search(queries, 700, 1)
    assert (few < 0).any()
    _, rows = opened.search_all(queries, 700, 1)
    truth = np.argsort(-(queries @ normalised(vectors.astype(np.float32)).T), axis=1)[:, :700]
    np.testing.assert_array_equal(rows, truth)


def test_a_file_that_is_no_shard_is_refused_by_name(tmp_path: Path) -> None:
    vectors = unit(10, 16).astype(np.float16)
    made(tmp_path, vectors, 2)
    other = tmp_path / "other.faiss"
    other.write_bytes(b"no index")
    with pytest.raises(GalleryBroken, match=r"other\.faiss"):
        Shards.open([tmp_path / "shard-0000.faiss", other])
    faiss.write_index(faiss.IndexFlatIP(16), str(other))
    with pytest.raises(GalleryBroken, match=r"other\.faiss"):
        Shards.open([tmp_path / "shard-0000.faiss", other])


def test_the_chosen_probes_reach_the_goal_on_composed_queries(tmp_path: Path) -> None:
    centres = unit(40, 32)
    vectors = normalised(np.repeat(centres, 50, axis=0) + 0.6 * unit(2000, 32, seed=3)).astype(np.float16)
    opened = made(tmp_path, vectors, 2)
    nprobe, measured = recall.choose_nprobe(opened.search, vectors, nlist=opened.nlist)
    assert 1 < nprobe < opened.nlist
    queries = recall.composed_queries(vectors, count=recall.QUERIES, seed=0)
    _, rows = opened.search(queries, 10, nprobe)
    truth = np.argsort(-(queries @ normalised(vectors.astype(np.float32)).T), axis=1)[:, :10]
    naive = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows.tolist(), truth.tolist(), strict=True)])
    assert measured >= recall.GOAL
    assert measured == pytest.approx(naive, abs=2e-3)


def test_composed_queries_are_unit_vectors_off_the_gallery() -> None:
    vectors = unit(500, 64).astype(np.float16)
    queries = recall.composed_queries(vectors, count=50, seed=1)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    assert (queries @ vectors.astype(np.float32).T).max() < 0.95
