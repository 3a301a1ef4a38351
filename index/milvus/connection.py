"""One connection to Milvus: its calls with a time limit, its errors as ours, and its version checked."""

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from index.milvus.address import MilvusAddress
from models.arrays import Embeddings
from models.errors import ConfigError, GalleryUnavailable

Record: TypeAlias = dict[str, Any]

CALL_S = 5.0  # within the deadline of a search
INDEX_S = 6 * 3600.0  # for the index of a snapshot
MOST_HITS = 16_384  # of a search or a query, with those that are skipped
PAGE = 2_000  # rows of one answer while all are read
LEAST, END = (2, 3), (4, 0)  # versions of the server


class MilvusConnection:
    """Calls of the client, for many threads."""

    def __init__(self, address: MilvusAddress) -> None:
        """Connects; raises GalleryUnavailable if no server answers, and ConfigError for an unknown version."""
        try:
            from pymilvus import MilvusClient
        except ImportError as error:
            raise ConfigError("a gallery in Milvus needs its client: pip install 'likebut[milvus]'") from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs what it raises
        self.address = address
        self.is_lite = not address.uri.startswith("http")
        if self.is_lite:
            Path(address.uri).parent.mkdir(parents=True, exist_ok=True)
        with self._translated():
            self._client = MilvusClient(address.uri, token=address.token, timeout=CALL_S)
            version = str(self._client.get_server_version(timeout=CALL_S))  # a connection alone may be an old one
        self.version = _checked_version(version, address, is_lite=self.is_lite)

    def collections(self) -> list[str]:
        """The names of all collections."""
        with self._translated():
            names: list[str] = self._client.list_collections(timeout=CALL_S)
            return names

    def create(self, name: str, fields: Sequence[tuple[str, Mapping[str, Any]]], index: Mapping[str, Any]) -> None:
        """Makes a collection of these fields with an index of its vectors, and loads it."""
        from pymilvus import MilvusClient

        with self._translated():
            schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
            for field, options in fields:
                schema.add_field(field, **options)
            params = MilvusClient.prepare_index_params()
            params.add_index("vector", **index)
            self._client.create_collection(name, schema=schema, timeout=6 * CALL_S)
            self._client.create_index(name, params, sync=False, timeout=6 * CALL_S)  # of no rows: nothing to wait for
            self._client.load_collection(name, timeout=6 * CALL_S)

    def load(self, name: str) -> None:
        """Makes a collection ready to be searched, if it is not after a restart."""
        with self._translated():
            self._client.load_collection(name, timeout=60 * CALL_S)

    def release(self, name: str) -> None:
        """Frees the memory of a collection, which then is not searched until it is loaded."""
        with self._translated():
            self._client.release_collection(name, timeout=6 * CALL_S)

    def drop(self, name: str) -> None:
        """Removes a collection."""
        with self._translated():
            self._client.drop_collection(name, timeout=6 * CALL_S)

    def settle(self, name: str) -> int:
        """Writes a collection's rows to its storage, and waits for their index; returns how many there are."""
        with self._translated():
            self._client.flush(name, timeout=60 * CALL_S)
            end = time.monotonic() + INDEX_S
            while not self.is_lite and self._pending(name):
                if time.monotonic() > end:
                    problem = f"Milvus at {self.address.name} did not index {name} in {INDEX_S:g} s: look at its log"
                    raise GalleryUnavailable(problem)
                time.sleep(0.5)
            if not self.is_lite:
                self._client.refresh_load(name, timeout=60 * CALL_S)
        return self.count(name, strong=True)  # from then on every search sees all

    def _pending(self, name: str) -> int:
        return int(self._client.describe_index(name, "vector", timeout=CALL_S).get("pending_index_rows", 0))

    def alias(self, alias: str) -> str | None:
        """The name of the collection that an alias stands for; None if there is none."""
        with self._translated():
            if alias not in self._client.list_aliases(timeout=CALL_S)["aliases"]:
                return None  # to describe it would be logged as an error
            found = self._client.describe_alias(alias, timeout=CALL_S)
        return str(found["collection_name"])

    def point(self, alias: str, name: str) -> None:
        """Lets an alias stand for a collection, in one step."""
        exists = self.alias(alias) is not None
        with self._translated():
            if exists:
                self._client.alter_alias(collection_name=name, alias=alias, timeout=CALL_S)
            else:
                self._client.create_alias(collection_name=name, alias=alias, timeout=CALL_S)

    def count(self, name: str, expression: str = "", *, strong: bool = False) -> int:
        """How many rows pass."""
        (line,) = self.query(name, expression, ["count(*)"], strong=strong)
        return int(line["count(*)"])

    def query(
        self, name: str, expression: str, fields: Sequence[str], *, limit: int | None = None, strong: bool = False
    ) -> list[Record]:
        """The rows that pass, by primary key; with `strong`, after every write that any client was answered."""
        options: dict[str, Any] = {} if limit is None else {"limit": limit}
        level = "Strong" if strong else "Bounded"
        with self._translated():
            return [
                dict(line)
                for line in self._client.query(
                    name,
                    filter=expression,
                    output_fields=list(fields),
                    consistency_level=level,
                    timeout=CALL_S,
                    **options,
                )
            ]

    def all(
        self, name: str, key: str, expression: str, fields: Sequence[str], *, page: int = PAGE, strong: bool = False
    ) -> Iterator[Record]:
        """All rows that pass, by their primary keys, which are whole numbers, read page by page."""
        after = -1
        while True:
            beyond = f"{key} > {after}"
            wanted = f"({expression}) and {beyond}" if expression else beyond
            lines = self.query(name, wanted, [key, *fields], limit=page, strong=strong)
            lines.sort(key=lambda line: int(line[key]))
            yield from lines
            if len(lines) < page:
                return
            after = int(lines[-1][key])

    def search(
        self,
        name: str,
        queries: Embeddings,
        limit: int,
        expression: str,
        fields: Sequence[str],
        params: Mapping[str, int],
    ) -> list[list[Record]]:
        """The first rows for each query (B, d), each with its fields, the best first by the index's own scores."""
        with self._translated():
            found = self._client.search(
                name,
                [query.tolist() for query in queries],
                limit=limit,
                filter=expression,
                output_fields=list(fields),
                search_params={"metric_type": "IP", "params": dict(params)},
                consistency_level="Bounded",
                timeout=CALL_S,
            )
            return [[dict(hit["entity"]) for hit in hits] for hits in found]

    def upsert(self, name: str, records: Sequence[Record]) -> None:
        """Puts rows, each in the place of that of its primary key."""
        with self._translated():
            self._client.upsert(name, list(records), timeout=6 * CALL_S)

    def insert(self, name: str, records: Sequence[Record]) -> None:
        """Puts rows whose primary keys are new."""
        with self._translated():
            self._client.insert(name, list(records), timeout=6 * CALL_S)

    def delete(self, name: str, expression: str) -> None:
        """Removes the rows that pass."""
        with self._translated():
            self._client.delete(name, filter=expression, timeout=6 * CALL_S)

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from grpc import RpcError
        from pymilvus import MilvusException

        try:
            yield
        except (MilvusException, RpcError) as error:  # the second one after a time limit
            cause = " ".join(str(error).split())[:300]
            problem = f"Milvus at {self.address.name} has failed ({cause}): see that it runs, and try again"
            raise GalleryUnavailable(problem) from error


def _checked_version(version: str, address: MilvusAddress, *, is_lite: bool) -> tuple[int, ...]:
    numbers = re.search(r"(\d+)\.(\d+)", version)
    found = tuple(map(int, numbers.groups())) if numbers else ()
    if not is_lite and not LEAST <= found < END:
        raise ConfigError(
            f"the Milvus at {address.name} is of version {version}: a gallery needs one from {LEAST[0]}.{LEAST[1]} on,"
            f" and before {END[0]}.{END[1]}"
        )
    return found
