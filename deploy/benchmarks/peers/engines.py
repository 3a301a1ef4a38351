"""Search engines behind one interface, each in its own environment: only the chosen one's library is imported.

Each keeps its index in a folder. `effort` is the engine's own knob between recall and time: lists probed, ef, leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Ids = NDArray[np.int64]
LISTS = 2000
DEGREE, BUILD_EF = 16, 128  # of the graphs
GOAL = 0.95  # recall@10
COLUMNS = ("random", "clustered")  # 0…999 of each item; a filter keeps those below a number


class Unfiltered(Exception):
    """The engine has no filters."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A filter: items with a column below a number, and the mask (n,) of them for engines without columns."""

    column: str
    below: int
    mask: NDArray[np.bool_]


class Engine(Protocol):
    """One engine; `build` is called in one process, `open` and `search` in another."""

    efforts: tuple[int, int]

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        """Write the index of unit vectors (n, d), by inner product or cosine."""

    def open(self, folder: Path) -> None:
        """Open it for searches by one thread."""

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        """Row numbers (B, k) of the best; -1 for none. Raises Unfiltered if it cannot filter."""


class FaissLists:
    """FAISS: inverted lists of one byte a number, called directly: what our index is built on."""

    efforts = (1, LISTS)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        import faiss

        d = vectors.shape[1]
        coarse = faiss.IndexFlatIP(d)
        index = faiss.IndexIVFScalarQuantizer(
            coarse, d, LISTS, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        index.train(vectors[np.random.default_rng(0).permutation(len(vectors))[: 40 * LISTS]])
        index.add(vectors)
        faiss.write_index(index, str(folder / "index"))

    def open(self, folder: Path) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self._faiss: Any = faiss
        self._index = faiss.read_index(str(folder / "index"))
        self._selectors: dict[tuple[str, int], Any] = {}

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        parameters = self._faiss.SearchParametersIVF(nprobe=effort, sel=self._selector(kept))
        found: Ids = self._index.search(queries, k, params=parameters)[1]
        return found

    def _selector(self, kept: Kept | None) -> Any:
        if kept is None:
            return None
        key = (kept.column, kept.below)
        if key not in self._selectors:
            bits = np.packbits(kept.mask, bitorder="little")
            self._selectors[key] = self._faiss.IDSelectorBitmap(len(kept.mask), self._faiss.swig_ptr(bits))
            self._selectors[key].bits = bits  # or they would be freed
        return self._selectors[key]


class FaissGraph(FaissLists):
    """FAISS: a graph (HNSW) over float32."""

    efforts = (10, 4096)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        import faiss

        index = faiss.IndexHNSWFlat(vectors.shape[1], DEGREE, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = BUILD_EF
        index.add(vectors)
        faiss.write_index(index, str(folder / "index"))

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        parameters = self._faiss.SearchParametersHNSW(efSearch=effort, sel=self._selector(kept))
        found: Ids = self._index.search(queries, k, params=parameters)[1]
        return found


class Hnswlib:
    """hnswlib: a graph over float32; a filter is a Python function, called for each candidate."""

    efforts = (10, 4096)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        import hnswlib

        index = hnswlib.Index("ip", vectors.shape[1])
        index.init_index(len(vectors), M=DEGREE, ef_construction=BUILD_EF)
        index.add_items(vectors)
        index.save_index(str(folder / "index"))
        (folder / "dimension").write_text(str(vectors.shape[1]))

    def open(self, folder: Path) -> None:
        import hnswlib

        self._index = hnswlib.Index("ip", int((folder / "dimension").read_text()))
        self._index.load_index(str(folder / "index"))
        self._index.set_num_threads(1)

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        self._index.set_ef(effort)
        mask = None if kept is None else kept.mask
        passes = None if mask is None else lambda row: bool(mask[row])
        try:
            labels, _ = self._index.knn_query(queries, k, num_threads=1, filter=passes)
        except RuntimeError:  # it found fewer than k
            return np.full((len(queries), k), -1)
        return np.asarray(labels, np.int64)


class Usearch:
    """usearch: a graph over float16; its Python interface has no filters."""

    efforts = (10, 4096)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        from usearch.index import Index

        index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=DEGREE, expansion_add=BUILD_EF)
        index.add(np.arange(len(vectors)), vectors, threads=1)
        index.save(str(folder / "index"))

    def open(self, folder: Path) -> None:
        from usearch.index import Index

        self._index = Index.restore(str(folder / "index"))

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        if kept is not None:
            raise Unfiltered
        self._index.expansion_search = effort
        found = self._index.search(queries, k, threads=1)
        return np.asarray(found.keys, np.int64).reshape(len(queries), k)


class Scann:
    """ScaNN: a tree with anisotropic quantisation, the best scored again; its Python interface has no filters."""

    efforts = (1, LISTS)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        import scann

        builder = scann.scann_ops_pybind.builder(vectors, 10, "dot_product")
        builder = builder.tree(
            num_leaves=LISTS,
            num_leaves_to_search=100,
            training_sample_size=40 * LISTS,
            min_partition_size=1,  # or it merges leaves, and refuses to search more than are left
        )
        scorer = builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(200).build()
        (folder / "files").mkdir(exist_ok=True)
        scorer.serialize(str(folder / "files"))

    def open(self, folder: Path) -> None:
        import scann

        self._index = scann.scann_ops_pybind.load_searcher(str(folder / "files"))

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        if kept is not None:
            raise Unfiltered
        found, _ = self._index.search_batched(queries, k, leaves_to_search=effort)
        return np.asarray(found, np.int64)


# by name: module and class, the environment, the package, and what it is
ENGINES: Mapping[str, tuple[str, str, str, str]] = {
    "FAISS lists": (
        "engines:FaissLists",
        "FAISS",
        "faiss-cpu",
        "lists of one byte a number: what our index is built on",
    ),
    "FAISS graph": ("engines:FaissGraph", "FAISS", "faiss-cpu", "HNSW of float32"),
    "hnswlib": ("engines:Hnswlib", "hnswlib", "hnswlib", "HNSW of float32; a filter is a Python function"),
    "usearch": ("engines:Usearch", "usearch", "usearch", "HNSW of float16; no filters in Python"),
    "ScaNN": ("engines:Scann", "ScaNN", "scann", "tree with anisotropic quantisation, exact scores; no filters"),
    "LanceDB": (
        "database_engines:LanceDb",
        "LanceDB",
        "lancedb",
        "table on disk: lists, product-quantised, exact scores",
    ),
    "milvus-lite": ("database_engines:MilvusLite", "milvus-lite", "milvus-lite", "Milvus's interface in Python: lists"),
    "Milvus": (
        "database_engines:MilvusServer",
        "Milvus",
        "milvus",
        "server, asked by gRPC: lists of one byte a number",
    ),
}
