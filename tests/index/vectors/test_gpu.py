"""Copies of shards as GPUs hold them: all at once, merged as one index, and given up if one fails. No GPU is needed."""

import threading
from pathlib import Path

import faiss
import numpy as np
import pytest

from index.vectors import gpu, shards
from index.vectors.exact import Exact, scaled
from index.vectors.gpu import GpuCopies, GpuDevice
from index.vectors.ranking import Ranking
from index.vectors.selection import DeadRows
from index.vectors.shards import Probes, Shards
from models.arrays import Embeddings, Rows, Scores, Vectors, normalised

COUNT = 3_000


class OutOfMemory:
    """An index whose search fails as FAISS's do if a GPU has no memory left."""

    def search(self, x: Embeddings, k: int, *, params: faiss.SearchParametersIVF) -> tuple[Scores, Rows]:
        raise RuntimeError("Error: 'err == cudaSuccess' failed: out of memory")


class Together:
    """An index that answers only if another one is searched at the same time."""

    def __init__(self, index: faiss.IndexIVF, barrier: threading.Barrier) -> None:
        self._index, self._barrier = index, barrier

    def search(self, x: Embeddings, k: int, *, params: faiss.SearchParametersIVF) -> tuple[Scores, Rows]:
        self._barrier.wait(timeout=20)
        scores, rows = self._index.search(x, k, params=params)
        return scores, rows


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return normalised(np.random.default_rng(0).normal(size=(COUNT, 32)).astype(np.float32)).astype(np.float16)


@pytest.fixture(scope="module")
def queries() -> Embeddings:
    return normalised(np.random.default_rng(1).normal(size=(20, 32)).astype(np.float32))


@pytest.fixture
def opened(tmp_path: Path, vectors: Vectors) -> Shards:
    trained = shards.train(vectors, encoding="flat")
    written = shards.write(tmp_path, trained, vectors, shards=2)
    return Shards.open([tmp_path / name for name, _ in written], encoding="flat")


def on_devices(opened: Shards, monkeypatch: pytest.MonkeyPatch, *indexes: object) -> GpuCopies:
    copies = GpuCopies([GpuDevice(None, [index]) for index in indexes])  # type: ignore[list-item]
    monkeypatch.setattr(opened, "_copies", copies)
    return copies


def test_devices_are_searched_at_the_same_time_and_merged(
    opened: Shards, queries: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = opened.search(queries, 10, Probes(opened.nlist))
    barrier = threading.Barrier(2)
    on_devices(opened, monkeypatch, *(Together(shard, barrier) for shard in opened._shards))
    assert opened.on_gpus
    scores, rows = opened.search(queries, 10, Probes(opened.nlist))
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_allclose(scores, expected[0], atol=1e-6)


def test_a_gpu_without_memory_leaves_the_search_to_the_cpu(
    opened: Shards, queries: Embeddings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = opened.search(queries, 10, Probes(4))
    copies = on_devices(opened, monkeypatch, opened._shards[0], OutOfMemory())
    for _ in range(2):
        np.testing.assert_array_equal(opened.search(queries, 10, Probes(4))[1], expected[1])
    assert not copies and not opened.on_gpus
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "out of memory" in caplog.text


def test_shards_too_large_for_the_gpus_stay_on_the_cpu(
    opened: Shards, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_memory() -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 2)
    monkeypatch.setattr(faiss, "StandardGpuResources", no_memory, raising=False)
    assert not gpu.copies(opened._shards, gpus=True) and "out of memory" in caplog.text
    caplog.clear()
    assert not gpu.copies(opened._shards, gpus=False) and not caplog.records  # switched off: not even tried


@pytest.mark.parametrize("dead", [1, COUNT // 5])
def test_deleted_rows_leave_the_search_on_the_gpus(
    opened: Shards, vectors: Vectors, queries: Embeddings, monkeypatch: pytest.MonkeyPatch, dead: int
) -> None:
    searched: list[int] = []

    class Counted:
        def __init__(self, index: faiss.IndexIVF) -> None:
            self._index = index

        def search(self, x: Embeddings, k: int, *, params: faiss.SearchParametersIVF) -> tuple[Scores, Rows]:
            searched.append(params.nprobe)
            scores, rows = self._index.search(x, k, params=params)
            return scores, rows

    def not_on_the_cpu(*_: object) -> tuple[Scores, Rows]:
        raise AssertionError("it ran on the CPU")

    rows = np.sort(np.random.default_rng(2).choice(COUNT, dead, replace=False))
    alive = np.ones(COUNT, np.bool_)
    alive[rows] = False
    nprobe = opened.nlist // 2
    ranking = Ranking(opened, Exact(vectors, scaled(vectors)), nprobe, margin=0.1, reach=0.1)
    on_devices(opened, monkeypatch, *(Counted(shard) for shard in opened._shards))
    monkeypatch.setattr(opened, "_searched", not_on_the_cpu)
    _, found = ranking.best(queries, 10, dead=DeadRows(rows, alive))
    assert alive[found].all()
    assert set(searched) == {-(-nprobe * COUNT // (COUNT - dead))}  # as many more lists as there are fewer rows
