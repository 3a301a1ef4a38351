"""Several shards find what one flat search finds."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from index.vectors import recall, shards
from index.vectors.encodings import ENCODINGS, Encoding
from index.vectors.exact import Exact, scaled
from index.vectors.recall import RecallProbe
from index.vectors.selection import Selection
from index.vectors.shards import Probes, Shards
from models.arrays import Embeddings, Rows, Scores, Vectors, normalised
from models.errors import GalleryBroken


def unit(count: int, dimension: int, seed: int = 0) -> Embeddings:
    values = np.random.default_rng(seed).standard_normal((count, dimension))
    return normalised(values.astype(np.float32))


def made(folder: Path, vectors: Vectors, parts: int, encoding: Encoding = "flat") -> Shards:
    written = shards.write(folder, shards.train(vectors, encoding=encoding), vectors, shards=parts)
    assert [count for _, count in written] == [len(range(part, len(vectors), parts)) for part in range(parts)]
    return Shards.open([folder / name for name, _ in written], encoding=encoding)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_all_lists_of_any_number_of_shards_find_the_rows_of_a_flat_search(tmp_path: Path, parts: int) -> None:
    vectors = unit(1500, 32).astype(np.float16)
    queries = unit(40, 32, seed=1)
    opened = made(tmp_path, vectors, parts)
    flat = faiss.IndexFlatIP(32)
    flat.add(normalised(vectors.astype(np.float32)))
    scores, rows = opened.search(queries, 20, Probes(opened.nlist))
    true_scores, true_rows = flat.search(queries, 20)
    np.testing.assert_array_equal(rows, true_rows)
    np.testing.assert_allclose(scores, true_scores, atol=2e-6)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("parts", [1, 3])
def test_search_keeps_to_a_selection_in_every_encoding(tmp_path: Path, encoding: Encoding, parts: int) -> None:
    vectors, queries = unit(1500, 32).astype(np.float16), unit(40, 32, seed=1)
    opened = made(tmp_path, vectors, parts, encoding)
    mask = np.random.default_rng(7).random(1500) < 0.1
    _, rows = opened.search(queries, int(mask.sum()), Probes(opened.nlist), only=Selection(mask))
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.flatnonzero(mask), (40, 1)))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("rows", [slice(0, 0), slice(700, 701), slice(None, None, 9), slice(200, 900), slice(None)])
def test_a_narrowed_selection_finds_the_same(tmp_path: Path, encoding: Encoding, parts: int, rows: slice) -> None:
    vectors, queries = unit(1500, 32).astype(np.float16), unit(40, 32, seed=1)
    opened = made(tmp_path, vectors, parts, encoding)
    mask = np.zeros(1500, np.bool_)
    mask[rows] = True
    for nprobe in (3, opened.nlist):
        narrowed = Selection(mask)
        scores, found = opened.search(queries, 30, Probes(nprobe), only=narrowed)
        opened.narrow(narrowed)
        assert narrowed.sub_index is not None
        narrowed_scores, narrowed_found = opened.search(queries, 30, Probes(nprobe), only=narrowed)
        np.testing.assert_array_equal(narrowed_found, found)
        np.testing.assert_array_equal(narrowed_scores, scores)


def test_a_faiss_that_ignores_selectors_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit(200, 16).astype(np.float16)
    made(tmp_path, vectors, 1)
    monkeypatch.setattr(Selection, "selector", faiss.IDSelectorAll())  # as good as none
    with pytest.raises(GalleryBroken, match="ignores filters"):
        Shards.open([tmp_path / "shard-0000.faiss"], encoding="flat")


@pytest.mark.parametrize("nprobe", [1, 3])
def test_shards_share_their_lists_so_that_few_probes_find_the_same_in_one_and_in_four(
    tmp_path: Path, nprobe: int
) -> None:
    vectors = unit(1500, 32).astype(np.float16)
    queries = unit(40, 32, seed=1)
    (tmp_path / "one").mkdir()
    (tmp_path / "four").mkdir()
    _, one = made(tmp_path / "one", vectors, 1).search(queries, 10, Probes(nprobe))
    _, four = made(tmp_path / "four", vectors, 4).search(queries, 10, Probes(nprobe))
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 39, 78, 100])
def test_a_tiny_gallery_works_even_with_fewer_items_than_shards(tmp_path: Path, count: int) -> None:
    vectors = unit(count, 16).astype(np.float16)
    opened = made(tmp_path, vectors, 4)
    scores, rows = opened.search(vectors.astype(np.float32), count, Probes(opened.nlist))
    np.testing.assert_array_equal(rows[:, 0], np.arange(count))
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(count), (count, 1)))
    assert (np.diff(scores, axis=1) <= 0).all()


def test_twins_come_in_the_order_of_their_rows_whatever_the_shards(tmp_path: Path) -> None:
    vectors = np.repeat(unit(1, 16), 90, axis=0).astype(np.float16)
    for parts in (1, 2, 3):
        folder = tmp_path / str(parts)
        folder.mkdir()
        opened = made(folder, vectors, parts)
        scores, rows = opened.search(unit(1, 16), 12, Probes(opened.nlist))
        np.testing.assert_array_equal(rows, [np.arange(12)])
        np.testing.assert_allclose(scores, 1, atol=1e-5)


def test_a_file_that_is_no_shard_is_refused_by_name(tmp_path: Path) -> None:
    vectors = unit(10, 16).astype(np.float16)
    made(tmp_path, vectors, 2)
    other = tmp_path / "other.faiss"
    other.write_bytes(b"no index")
    with pytest.raises(GalleryBroken, match=r"other\.faiss"):
        Shards.open([tmp_path / "shard-0000.faiss", other], encoding="flat")
    faiss.write_index(faiss.IndexFlatIP(16), str(other))
    with pytest.raises(GalleryBroken, match=r"other\.faiss"):
        Shards.open([tmp_path / "shard-0000.faiss", other], encoding="flat")


def test_the_chosen_probes_reach_the_goal_on_composed_queries_and_fewer_do_not(tmp_path: Path) -> None:
    centres = unit(40, 32)
    vectors = normalised(np.repeat(centres, 50, axis=0) + 0.6 * unit(2000, 32, seed=3)).astype(np.float16)
    opened = made(tmp_path, vectors, 2)
    probe = RecallProbe.sample(Exact(vectors, scaled(vectors)))

    def search(queries: Embeddings, k: int, nprobe: int) -> tuple[Scores, Rows]:
        return opened.search(queries, k, Probes(nprobe))

    nprobe, measured = probe.nprobe(search, nlist=opened.nlist, goal=0.97)
    assert 1 < nprobe < opened.nlist
    _, rows = opened.search(probe.queries, 10, Probes(nprobe))
    truth = np.argsort(-(probe.queries @ normalised(vectors.astype(np.float32)).T), axis=1)[:, :10]
    naive = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows.tolist(), truth.tolist(), strict=True)])
    assert measured >= 0.97 > probe.recall(search, nprobe - 1)
    assert measured == pytest.approx(naive, abs=2e-3)


@pytest.mark.parametrize("encoding", ["flat", "sq8"])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_search_reaches_the_lists_near_its_tenth_best_row(tmp_path: Path, encoding: Encoding, narrow: bool) -> None:
    vectors, queries, reach = unit(3000, 16).astype(np.float16), unit(20, 16, seed=5), 0.1
    opened = made(tmp_path, vectors, 2, encoding=encoding)
    only = Selection(np.arange(3000) % 3 == 0)
    centroids = opened._centroids
    if narrow:
        opened.narrow(only)
    scores, rows = opened.search(queries, 30, Probes(2, reach=reach), only=only)
    first, _ = opened.search(queries, 30, Probes(2), only=only)
    every, _ = opened.search(queries, 30, Probes(opened.nlist), only=only)
    reached = []
    for number, query in enumerate(queries):
        alike = centroids @ query
        least = max(first[number, 9] - reach, -2)
        count = max(2, int((alike >= least).sum()))
        expected, expected_rows = opened.search(query[np.newaxis], 30, Probes(count), only=only)
        np.testing.assert_allclose(scores[number], expected[0], atol=2e-6)
        assert set(rows[number].tolist()) == set(expected_rows[0].tolist())
        reached.append(count)
    assert min(reached) < opened.nlist < sum(reached) and (scores <= every).all()


def test_a_probe_is_kept_and_a_file_that_is_none_refused_by_name(tmp_path: Path) -> None:
    vectors = unit(60, 16).astype(np.float16)
    probe = RecallProbe.sample(Exact(vectors, scaled(vectors)))
    probe.write(tmp_path / "probe.npz")
    kept = RecallProbe.open(tmp_path / "probe.npz")
    np.testing.assert_array_equal(kept.queries, probe.queries)
    np.testing.assert_array_equal(kept.truth, probe.truth)
    (tmp_path / "probe.npz").write_bytes(b"no zip")
    with pytest.raises(GalleryBroken, match=r"probe\.npz"):
        RecallProbe.open(tmp_path / "probe.npz")


def test_exact_scores_of_many_blocks_are_those_of_a_sort() -> None:
    vectors, queries = unit(40_000, 8).astype(np.float16), unit(5, 8, seed=1)
    scores = queries @ normalised(vectors.astype(np.float32)).T
    np.testing.assert_allclose(
        Exact(vectors, scaled(vectors)).best(queries, np.arange(len(vectors)), 7)[0],
        -np.sort(-scores, axis=1)[:, :7],
        atol=1e-6,
    )


def test_composed_queries_are_unit_vectors_off_the_gallery() -> None:
    vectors = unit(500, 64).astype(np.float16)
    queries = recall.composed_queries(vectors, count=50, seed=1)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    assert (queries @ vectors.astype(np.float32).T).max() < 0.95


@pytest.mark.gpu
@pytest.mark.skipif(not faiss.get_num_gpus(), reason="FAISS sees no GPU")
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_on_gpus_the_same_is_found_and_filters_hold(tmp_path: Path, encoding: Encoding) -> None:
    vectors, queries = unit(20_000, 64).astype(np.float16), unit(40, 64, seed=1)
    here = made(tmp_path, vectors, 3, encoding)
    there = Shards.open(sorted(tmp_path.glob("shard-*.faiss")), encoding=encoding, gpus=True)
    assert there.on_gpus == (encoding != "rabitq")
    for nprobe in (1, 8, there.nlist):
        on_gpu, on_cpu = (shards.search(queries, 10, Probes(nprobe))[1] for shards in (there, here))
        same = np.mean([len({*mine} & {*theirs}) / 10 for mine, theirs in zip(on_gpu, on_cpu, strict=True)])
        assert same >= 0.99
    only = Selection(np.random.default_rng(7).random(20_000) < 0.1)
    _, rows = there.search(queries, 200, Probes(there.nlist), only=only)
    assert only.mask[rows].all()
