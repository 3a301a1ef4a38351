"""Search latency, stage by stage, over HTTP and against the same work called directly; prints a Markdown table.

One caller, one process for the service and this one for the raw calls; each query runs once over HTTP and once raw, in
turn, so that a machine whose speed drifts slows both. Raw is decode + encode + FAISS on the same bundle, gallery and
threads. After the table, the images that one core draws in a second, over all categories. Run it by `make bench`.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeAlias
from urllib.request import Request, urlopen

import numpy as np

import shop
from index.gallery import Gallery
from index.search.request import SearchRequest
from models import preprocess
from models.arrays import Pixels
from models.encoder import Encoder
from service.settings import Settings
from training.catalogue.draw import draw
from training.catalogue.world import sample

Raw: TypeAlias = Callable[[bytes, str], None]  # the work itself: picture, text
Body: TypeAlias = Callable[[bytes, str], dict[str, object]]  # the same as a request's body
Queries: TypeAlias = Sequence[tuple[bytes, str]]
Ways: TypeAlias = dict[str, tuple[Raw, Body, Queries]]

WARM_UP = 20
DRAWINGS = 600
STAGES = ("wait", "decode", "encode", "search")


def main(argv: Sequence[str]) -> int:
    parser = shop.parser(__doc__)
    parser.add_argument("--queries", type=int, default=300)
    arguments = parser.parse_args(argv)

    queries = shop.composed(arguments.shop)[: arguments.queries]
    settings = Settings(bundle=arguments.bundle, gallery=arguments.gallery)
    encoder = Encoder.open(arguments.bundle, threads=settings.shared(os.cpu_count() or 1).per_batch)
    gallery = Gallery.open(arguments.gallery, space_id=encoder.manifest.space_id)
    weight = encoder.manifest.text_weight

    def pixels_of(data: bytes) -> Pixels:  # in this process, as the least that a decoding can take
        resize = encoder.manifest.resize
        return preprocess.square(data, resize=resize, max_pixels=settings.max_pixels)[np.newaxis]  # (1, 3, S, S)

    def composed(data: bytes, text: str) -> None:
        pixels = pixels_of(data)
        gallery.view().search(encoder.queries(pixels, [text], text_weight=weight), [SearchRequest(k=20)])

    def picture(data: bytes, text: str) -> None:
        gallery.view().search(encoder.gallery(pixels_of(data)), [SearchRequest(k=20)])

    def words(data: bytes, text: str) -> None:
        gallery.view().search(encoder.texts([text]), [SearchRequest(k=20)])

    ways: Ways = {"picture + text": (composed, shop.body, queries)}
    if encoder.reference_cache is not None:  # what the bundle knows of the picture is kept
        ways["same picture, next words"] = (composed, shop.body, [(queries[0][0], text) for _, text in queries])
    ways |= {
        "picture": (picture, lambda data, text: shop.body(data), queries),
        "text": (words, lambda data, text: shop.body(text=text), queries),
    }
    with shop.served(arguments) as (_, address):
        _measure(ways, address=address, items=len(gallery.view()), queries=len(queries))
    _measure_drawing()
    return 0


def _measure(ways: Ways, *, address: str, items: int, queries: int) -> None:
    print(f"{os.cpu_count()} cores ({platform.machine()}), {items} items, k = 20, {queries} queries each, one caller;")
    print("medians in milliseconds, p99 in brackets.\n")
    print(f"| query | {' | '.join(STAGES)} | server total | over HTTP | raw | HTTP / raw |")
    print("|---" * (len(STAGES) + 5) + "|")
    for name, (raw, body, rows) in ways.items():
        print(_row(name, raw, body, rows, address=address), flush=True)


def _measure_drawing() -> None:
    products = [sample.product(index, split="test", seed=7) for index in range(DRAWINGS)]
    for size in (96, 128, 256):
        draw.draw(products[0], size=size)  # the first one parses the paths
        began = time.process_time()
        for product in products:
            draw.draw(product, size=size)
        print(f"drawing at {size} px: {DRAWINGS / (time.process_time() - began):.0f} images a second of CPU time")


def _row(name: str, raw: Raw, body: Body, queries: Queries, *, address: str) -> str:
    took: dict[str, list[float]] = {stage: [] for stage in (*STAGES, "total", "http", "raw")}
    for number, (data, text) in enumerate([*queries[:WARM_UP], *queries]):
        sent = json.dumps({**body(data, text), "k": 20}).encode()
        began = time.perf_counter()
        with urlopen(Request(f"{address}/search", data=sent, headers={"Content-Type": "application/json"})) as reply:
            answer = json.load(reply)
        between = time.perf_counter()
        raw(data, text)
        ended = time.perf_counter()
        if number < WARM_UP:
            continue
        took["http"].append((between - began) * 1000)
        took["raw"].append((ended - between) * 1000)
        for stage in (*STAGES, "total"):
            took[stage].append(answer["took_ms"].get(stage, 0.0))
    cells = [f"{median(took[stage]):.1f}" for stage in STAGES]
    cells += [f"{median(took[key]):.1f} ({np.quantile(took[key], 0.99):.1f})" for key in ("total", "http", "raw")]
    return f"| {name} | {' | '.join(cells)} | {median(took['http']) / median(took['raw']):.2f} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
