"""Measures searches of a gallery in Milvus beside those of Milvus's client alone, by turns; prints JSON.

milvus_gallery.py makes the gallery. Alone is the client on a collection as its users make them, with a field for each
attribute, of the same items with the same index: 10 rows with id and attributes, as many lists probed. Whole is a
search through the service, over HTTP, with the times of its stages, and encoded is what the service needs for the
text of a query. Each way sends one search, or as many as --turn says, before the next way sends the same ones.

PYTHONPATH=deploy/benchmarks python -m processes.milvus_searches milvus://127.0.0.1:19530/bench
"""

import argparse
import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from pymilvus import DataType, MilvusClient

import shop
from index.gallery import Gallery
from index.items.filters import parse
from index.milvus import address
from index.milvus.candidates import MilvusCandidates
from index.milvus.collection import index_of
from index.milvus.milvus_store import MilvusStore
from index.search.request import SearchRequest, SearchResult
from milvus_gallery import milliseconds, timed
from models.arrays import Embeddings
from models.bundle import SHIPPED
from models.encoder import Encoder

K = 10
BLOCK = 1_000  # rows of one call
PLAIN = "plain_of_"
ATTRIBUTES = {
    "title": DataType.VARCHAR,
    "colour": DataType.VARCHAR,
    "price": DataType.DOUBLE,
    "rank": DataType.INT64,
}
COLOURS = ("red", "green", "blue", "black", "white", "yellow")
NOUNS = ("dress", "shirt", "lamp", "chair", "ring", "bag", "shoe", "watch", "sofa", "coat")


def main() -> None:
    """Measures an unfiltered search, and searches with a filter that is used again and again, or new each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gallery", type=Path, help="address of a gallery that milvus_gallery.py made")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--turn", type=int, default=1, help="searches of one way before those of the next")
    arguments = parser.parse_args()
    encoder = Encoder.open(SHIPPED, threads=1)
    gallery = Gallery.open(arguments.gallery, space_id=encoder.manifest.space_id)
    place = address.parse(arguments.gallery)
    client = MilvusClient(place.uri, token=place.token)
    plain = f"{PLAIN}{place.shop}"
    _fill(client, plain, gallery)
    words = _words(arguments.queries)
    queries = encoder.texts(words)
    count = len(gallery.view())
    facts: dict[str, object] = {"items": count, "index": index_of(count)["index_type"]}
    with _served(place.name) as service:
        setting = SearchSetting(client, plain, gallery, encoder, service, count)
        for name, share, is_new in (("none", 1.0, False), ("10 %", 0.1, False), ("10 %, new", 0.1, True)):
            times: dict[str, list[float]] = {}
            service.stages.clear()
            for start in range(0, len(words), arguments.turn):
                searches = [
                    setting.ways(number, words[number], queries[number], share=share, is_new=is_new)
                    for number in range(start, min(start + arguments.turn, len(words)))
                ]
                for way in searches[0]:
                    times.setdefault(way, []).extend(timed(each[way]) for each in searches)
            warm = {way: milliseconds(each[len(each) // 10 :]) for way, each in times.items()}
            stages = {stage: round(median(each[len(each) // 10 :]), 2) for stage, each in service.stages.items()}
            least = warm["alone"]["p50"] + warm["encoded"]["p50"]
            facts[name] = warm | {
                "stages of the service": stages,
                "gallery / alone": round(warm["gallery"]["p50"] / warm["alone"]["p50"], 2),
                "service / (alone + encoded)": round(warm["service"]["p50"] / least, 2),
                "service / alone": round(warm["service"]["p50"] / warm["alone"]["p50"], 2),
            }
    print(json.dumps(facts, indent=1))


class ServiceConnection:
    """One connection to a service, with the milliseconds of its stages, search by search."""

    def __init__(self, where: str) -> None:
        self.stages: dict[str, list[float]] = {}
        self._connection = http.client.HTTPConnection(urlsplit(where).netloc, timeout=30)

    def search(self, body: Mapping[str, object]) -> Any:
        """The answer to a search."""
        self._connection.request("POST", "/search", json.dumps(body), {"content-type": "application/json"})
        answer = self._connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        for stage in answer.headers["server-timing"].split(", "):
            name, milliseconds = stage.split(";dur=")
            self.stages.setdefault(name, []).append(float(milliseconds))
        return json.loads(data)

    def close(self) -> None:
        """Ends it."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class SearchSetting:
    """All that the ways to search need."""

    client: MilvusClient
    plain: str  # collection of the client alone
    gallery: Gallery
    encoder: Encoder
    service: ServiceConnection
    count: int

    def ways(
        self, number: int, text: str, query: Embeddings, *, share: float, is_new: bool
    ) -> dict[str, Callable[[], object]]:
        """The ways to do one search, with a filter that keeps a share of the items."""
        below = int(share * self.count) + (number if is_new else 0)
        wanted = None if share == 1 else {"rank": {"lt": below}}
        filter = None if wanted is None else parse(wanted)
        candidates = self.gallery.view().rows.candidates(filter)
        assert isinstance(candidates, MilvusCandidates)
        probes = candidates.probes(None)  # as many as our search takes
        body = {"text": text, "k": K} | ({} if wanted is None else {"filter": wanted})
        if is_new:
            filter = parse({"rank": {"lt": below, "gte": -1}})
        expression = "" if wanted is None else f"rank < {below}"
        return {
            "alone": partial(_alone, self.client, self.plain, query, expression, probes),
            "gallery": partial(_search, self.gallery, query, SearchRequest(k=K, filter=filter)),
            "encoded": partial(self.encoder.texts, [text]),
            "service": partial(self.service.search, body),
        }


def _alone(client: MilvusClient, name: str, query: Embeddings, expression: str, probes: int) -> list[dict[str, Any]]:
    """The rows of one query (d,) with ids and attributes."""
    (hits,) = client.search(
        name,
        [query.tolist()],
        limit=K,
        filter=expression,
        output_fields=["id", *ATTRIBUTES],
        search_params={"metric_type": "IP", "params": {"nprobe": probes}},
        consistency_level="Bounded",
    )
    return list(hits)


def _search(gallery: Gallery, query: Embeddings, request: SearchRequest) -> SearchResult:
    (result,) = gallery.view().search(query[np.newaxis], [request])
    return result


def _words(count: int) -> list[str]:
    """Different texts to search for."""
    return [f"a {COLOURS[n % len(COLOURS)]} {NOUNS[n // len(COLOURS) % len(NOUNS)]} number {n}" for n in range(count)]


def _fill(client: MilvusClient, name: str, gallery: Gallery) -> None:
    """Makes a collection of the gallery's items as users of Milvus make one, with a field for each attribute."""
    assert isinstance(gallery.store, MilvusStore)
    contents = gallery.store.contents()
    if client.has_collection(name):
        client.drop_collection(name)
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("row", DataType.INT64, is_primary=True)
    schema.add_field("id", DataType.VARCHAR, max_length=100)
    for attribute, type in ATTRIBUTES.items():
        schema.add_field(attribute, type, **({"max_length": 1000} if type == DataType.VARCHAR else {}))
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=gallery.manifest.dimension)
    index = MilvusClient.prepare_index_params()
    index.add_index("vector", **index_of(contents.count))
    client.create_collection(name, schema=schema)
    client.create_index(name, index, sync=False)
    client.load_collection(name)
    rows = contents.everything().rows().tolist()
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        vectors = contents.vectors(np.array(block))
        items = [contents.item(row) for row in block]
        lines = [
            {"row": row, "id": item.id, "vector": vector.tolist(), **item.attributes}
            for row, item, vector in zip(block, items, vectors, strict=True)
        ]
        client.insert(name, lines)
    client.flush(name)
    while client.describe_index(name, "vector")["pending_index_rows"]:
        time.sleep(0.5)
    client.refresh_load(name)


@contextmanager
def _served(gallery: str) -> Iterator[ServiceConnection]:
    """A connection to a service of the gallery, in a process of its own."""
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--drain-s", "0", "--gallery", gallery]
    with shop.running(command) as (_, where):
        connection = ServiceConnection(where)
        yield connection
        connection.close()


if __name__ == "__main__":
    main()
