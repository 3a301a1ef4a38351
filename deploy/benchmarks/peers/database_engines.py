"""Databases of vectors as engines: LanceDB, milvus-lite and the Milvus server, each by its own client."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from peers.engines import COLUMNS, LISTS, Ids, Kept, Matrix

LOAD_S = 60.0  # of a collection of the server, which loads in the background


class LanceDb:
    """LanceDB: lists of product-quantised vectors in a table on disk, the best scored again."""

    efforts = (1, LISTS)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        import lancedb
        import pyarrow

        shutil.rmtree(folder / "table", ignore_errors=True)
        flat = pyarrow.array(vectors.reshape(-1))
        arrays = {"vector": pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])}
        numbers = {"row": np.arange(len(vectors)), **columns}
        table = lancedb.connect(folder / "table").create_table(
            "items", pyarrow.table(arrays | {name: pyarrow.array(values) for name, values in numbers.items()})
        )
        table.create_index(metric="dot", num_partitions=LISTS // 4, num_sub_vectors=vectors.shape[1] // 4)
        for column in COLUMNS:
            table.create_scalar_index(column)

    def open(self, folder: Path) -> None:
        import lancedb

        self._table = lancedb.connect(folder / "table").open_table("items")

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        found = np.full((len(queries), k), -1)
        for number, query in enumerate(queries):  # its batches are no faster
            search = self._table.search(query).distance_type("dot").limit(k).nprobes(effort).refine_factor(10)
            if kept is not None:
                search = search.where(f"{kept.column} < {kept.below}", prefilter=True)
            rows = search.select(["row"]).to_arrow()["row"].to_numpy()
            found[number, : len(rows)] = rows
        return found


class MilvusLite:
    """milvus-lite: inverted lists of one byte a number, in a file, by the client that the server has."""

    efforts = (1, LISTS)

    def build(self, folder: Path, vectors: Matrix, columns: Mapping[str, Ids]) -> None:
        from pymilvus import DataType

        for path in folder.glob("*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        client = self._client(folder)
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        for column in COLUMNS:
            schema.add_field(column, DataType.INT64)
        index = client.prepare_index_params()
        index.add_index("vector", index_type="IVF_SQ8", metric_type="IP", params={"nlist": LISTS})
        client.create_collection("items", schema=schema, index_params=index)
        for start in range(0, len(vectors), 5000):
            rows = range(start, min(start + 5000, len(vectors)))
            client.insert(
                "items",
                [{"id": n, "vector": vectors[n], **{c: int(columns[c][n]) for c in COLUMNS}} for n in rows],
            )
        client.flush("items")
        client.close()

    def open(self, folder: Path) -> None:
        self._connection = self._client(folder)
        self._connection.load_collection("items")
        until = time.monotonic() + LOAD_S
        while str(self._connection.get_load_state("items")["state"]) != "Loaded":
            if time.monotonic() > until:
                raise TimeoutError(f"the collection was not loaded within {LOAD_S:g} s")
            time.sleep(0.2)

    def _client(self, folder: Path) -> Any:
        from pymilvus import MilvusClient

        return MilvusClient(str(folder / "items.db"))

    def search(self, queries: Matrix, k: int, effort: int, kept: Kept | None) -> Ids:
        found = np.full((len(queries), k), -1)
        expression = "" if kept is None else f"{kept.column} < {kept.below}"
        answers = self._connection.search(
            "items", list(queries), filter=expression, limit=k, search_params={"params": {"nprobe": effort}}
        )
        for number, hits in enumerate(answers):
            found[number, : len(hits)] = [hit["id"] for hit in hits]
        return found


class MilvusServer(MilvusLite):
    """Milvus's real standalone server, in a network of its own: it listens on all addresses."""

    def _client(self, folder: Path) -> Any:
        from milvus import default_server
        from pymilvus import MilvusClient

        default_server.set_base_dir(str(folder / "server"))
        default_server.start()
        return MilvusClient(f"http://127.0.0.1:{default_server.listen_port}")
