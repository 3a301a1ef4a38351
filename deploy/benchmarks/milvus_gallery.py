"""Measures a gallery in Milvus: searches beside those of the client alone, recall under filters, and changes.

python deploy/benchmarks/milvus_gallery.py milvus://127.0.0.1:19530/bench --items 100000
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from index.build.milvus.new_snapshot import NewSnapshot
from index.gallery import Gallery
from index.items.filters import parse
from index.items.items import GalleryItem
from index.milvus import address
from index.milvus.collection import index_of
from index.milvus.connection import MilvusConnection
from index.milvus.shop import MilvusShop
from index.search.request import SearchRequest
from index.sources.cells import Value
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage.changes import Delete, Upsert
from index.vectors.encodings import IndexOptions
from index.vectors.recall import composed_queries
from models.arrays import Embeddings, normalised
from models.bundle import SHIPPED, Bundle

K = 10
COLOURS = ("red", "green", "blue", "black", "white", "yellow")
SHARES = (1.0, 0.5, 0.1, 0.01)


def main() -> None:
    """Builds a gallery of clustered vectors, measures it, and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gallery", help="address of a gallery that may be replaced")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--changes", type=int, default=30)
    arguments = parser.parse_args()
    model = Bundle.open(SHIPPED).manifest
    generator = np.random.default_rng(0)
    vectors = clustered(arguments.items, model.dimension, generator)
    rank = generator.permutation(arguments.items)
    rows = [
        SourceRow(f"i{row}", f"/{row}.png", attributes(row, int(rank[row])), content=str(row))
        for row in range(len(rank))
    ]
    shop = MilvusShop(MilvusConnection(address.parse(arguments.gallery)))
    shop.prepare()
    began = time.monotonic()
    with shop.lease():
        new = NewSnapshot(shop, model, datetime.now(UTC), "", {}, [], IndexOptions())
        contents = Embedded(rows, vectors.astype(np.float16), [], computed=0, new=len(rows))
        new.write(contents, {}, shop.stamps(), lambda progress: None)
    facts: dict[str, object] = {"items": len(rows), "dimension": model.dimension, "build_s": time.monotonic() - began}
    gallery = Gallery.open(Path(arguments.gallery), space_id=model.space_id)
    manifest = gallery.manifest
    facts |= {"nlist": manifest.nlist, "nprobe": manifest.nprobe, "recall_at_10": manifest.recall_at_10}
    facts["index"] = index_of(len(rows))["index_type"]
    queries = composed_queries(vectors.astype(np.float16), count=arguments.queries, seed=1)
    collection = shop.collection(shop.snapshot(manifest.name))

    def alone(query: Embeddings) -> None:
        collection.search(query[np.newaxis], K, "", ["row"], manifest.nprobe)

    def delete(number: int) -> None:
        gallery.change([Delete(f"new{number}")])

    def added(number: int) -> None:
        put(gallery, vectors[number], f"new{number}", model.space_id)

    facts["client_alone_ms"] = milliseconds([timed(partial(alone, query)) for query in queries])
    for share in SHARES:
        below = int(share * len(rows))
        request = SearchRequest(k=K, filter=None if share == 1 else parse({"rank": {"lt": below}}))
        passing = np.flatnonzero(rank < below)
        exact = normalised(vectors[passing].astype(np.float16).astype(np.float32))
        times, found, wanted = [], 0, min(K, len(passing))
        for query in queries:
            begun = time.perf_counter()
            (result,) = gallery.view().search(query[np.newaxis], [request])
            times.append(time.perf_counter() - begun)
            least = np.sort((exact @ query).round(6))[-wanted]
            found += sum(hit.score >= least - 2e-6 for hit in result.hits)
        facts[f"search_{share:g}"] = {"ms": milliseconds(times), "recall": found / (wanted * len(queries))}
    facts["put_ms"] = milliseconds([timed(partial(added, number)) for number in range(arguments.changes)])
    facts["delete_ms"] = milliseconds([timed(partial(delete, number)) for number in range(arguments.changes)])
    print(json.dumps(facts, indent=1))


def attributes(row: int, rank: int) -> dict[str, Value]:
    """Those of an item of a shop."""
    colour, price = COLOURS[row % len(COLOURS)], 5 + row * 37 % 20_000 / 100
    return {"title": f"{colour} article number {row}", "colour": colour, "price": price, "rank": rank}


def clustered(count: int, dimension: int, generator: np.random.Generator) -> Embeddings:
    """Vectors (count, d) around some hundred centres, as the items of a shop are."""
    centres = generator.standard_normal((200, dimension))
    noise = generator.standard_normal((count, dimension))
    return normalised((centres[generator.integers(200, size=count)] + noise).astype(np.float32))


def put(gallery: Gallery, vector: Embeddings, id: str, space_id: str) -> None:
    """Puts an item, and checks that a search finds it at once."""
    gallery.change([Upsert(GalleryItem(id, f"/{id}.png", {"rank": -1}), "new", space_id, vector.astype(np.float16))])
    (result,) = gallery.view().search(vector[np.newaxis], [SearchRequest(k=2, filter=parse({"rank": -1}))])
    assert id in {hit.item.id for hit in result.hits}


def timed(work: Callable[[], object]) -> float:
    """The seconds that it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def milliseconds(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {f"p{part}": round(1000 * float(np.percentile(times, part)), 2) for part in (50, 95)}


if __name__ == "__main__":
    main()
