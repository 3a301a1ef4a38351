"""The service under load against the same work called directly; prints Markdown tables. Run by `make bench-service`.

Raw is decoding, the bundle's graphs and the index called from this process in batches, with as many threads as the
service shares out. The load comes from a second process (load.py). Raw and service are measured in turn, several
rounds, and medians are given. On few cores the load's own process takes its share of them from the service, which runs
with a lower priority: callers on other machines would not wait for it to send.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TypeAlias

import numpy as np

import shop
from index.gallery import Gallery
from index.search.request import SearchRequest
from models import preprocess
from models.encoder import Encoder
from service.search.active import Active
from service.settings import Settings
from service.telemetry.metrics import Metrics

ROUNDS, SECONDS = 3, 8.0
NICE = 5  # of the service
CALLERS = 32
BATCHES = (1, 4, 16)
Ended: TypeAlias = tuple[int, float, float]  # of one search: its status, its seconds, and when it ended

LOAD = Path(__file__).with_name("load.py")


def main(argv: Sequence[str]) -> int:
    arguments = shop.parser(__doc__).parse_args(argv)
    settings = Settings(bundle=arguments.bundle, gallery=arguments.gallery, reference_cache_mb=0)
    raw = Raw(settings, shop.composed(arguments.shop))
    served = shop.served(arguments, "--reference-cache-mb", "0", nice=NICE)
    with shop.bodies(arguments.shop) as bodies, served as (_, address):
        measure(Under(address, bodies), raw)
    return 0


class Raw:
    """The work itself."""

    def __init__(self, settings: Settings, queries: Sequence[tuple[bytes, str]]) -> None:
        self.threads = settings.shared(os.cpu_count() or 1)
        self._encoder = Encoder.open(settings.bundle, threads=self.threads.per_batch, reference_cache_bytes=0)
        self._gallery = Gallery.open(settings.gallery, space_id=self._encoder.manifest.space_id)
        self._queries = queries
        self.model = self._encoder.manifest.backbone

    def batch(self, start: int, size: int) -> None:
        """Answers so many searches in one pass."""
        some = [self._queries[(start + number) % len(self._queries)] for number in range(size)]
        resize, max_pixels = self._encoder.manifest.resize, preprocess.MAX_IMAGE_PIXELS
        pixels = np.stack([preprocess.square(data, resize=resize, max_pixels=max_pixels) for data, _ in some])
        weight = self._encoder.manifest.text_weight
        vectors = self._encoder.queries(pixels, [text for _, text in some], text_weight=weight)
        self._gallery.view().search(vectors, [SearchRequest()] * size)

    def per_s(self, size: int) -> float:
        """Searches a second, by as many threads as the service runs passes."""
        began, done = time.perf_counter(), 0
        with ThreadPoolExecutor(self.threads.batches) as pool:
            while time.perf_counter() - began < SECONDS:
                starts = range(done, done + 4 * self.threads.batches * size, size)
                list(pool.map(lambda start: self.batch(start, size), starts))
                done += 4 * self.threads.batches * size
        return done / (time.perf_counter() - began)

    def alone_ms(self) -> float:
        """The median of single searches, one after the other."""
        took: list[float] = []
        end = time.perf_counter() + SECONDS / 2
        while (began := time.perf_counter()) < end:
            self.batch(len(took), 1)
            took.append(time.perf_counter() - began)
        return 1000 * median(took)


class Under:
    """The service under load."""

    def __init__(self, address: str, bodies: Path) -> None:
        self._address, self._bodies = address, bodies

    def load(self, way: str, amount: float) -> list[Ended]:
        """Outcome of each search."""
        command = [sys.executable, str(LOAD), self._address, str(self._bodies), "--seconds", str(SECONDS)]
        done = subprocess.run([*command, way, str(amount)], check=True, capture_output=True, text=True)
        found: list[Ended] = json.loads(done.stdout)
        return found


def measure(under: Under, raw: Raw) -> None:
    """All of it, in turn."""
    under.load("--callers", 4)
    rows: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    for _ in range(ROUNDS):
        alone = times(under.load("--callers", 1))
        note("one caller, p50 ms", 1000 * median(alone))
        note("one caller, raw p50 ms", raw.alone_ms())
        note("searches/s, many callers", per_s(under.load("--callers", CALLERS)))
        note("searches/s, raw in batches", max(raw.per_s(size) for size in BATCHES))
        capacity = median(rows["searches/s, many callers"])
        calm = times(under.load("--rate", 0.7 * capacity))
        note("70 % load, p50 ms", 1000 * median(calm))
        note("70 % load, p99 ms", 1000 * float(np.quantile(calm, 0.99)))
        rushed = under.load("--rate", 2 * capacity)
        refused = [seconds for status, seconds, _ in rushed if status == 429]
        note("twice the capacity, answered/s", per_s(rushed))
        note("twice the capacity, answered p99 ms", 1000 * float(np.quantile(times(rushed), 0.99)))
        note("twice the capacity, refused p50 ms", 1000 * median(refused or [0.0]))
        note("twice the capacity, refused p99 ms", 1000 * float(np.quantile(refused or [0.0], 0.99)))
        note("twice the capacity, neither answered nor refused", sum(status not in (200, 429) for status, *_ in rushed))
    show({name: median(values) for name, values in rows.items()}, raw.model)


def show(found: Mapping[str, float], model: str) -> None:
    """The medians and their ratios as a table."""
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    print(f"{cores}, {model}, composed queries, pictures never cached; medians of {ROUNDS} rounds.\n\n| | |\n|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value:.1f} |")
    many = found["searches/s, many callers"]
    ratios = {
        "one caller / raw": found["one caller, p50 ms"] / found["one caller, raw p50 ms"],
        "many callers / raw in batches": many / found["searches/s, raw in batches"],
        "p99 / p50 at 70 %": found["70 % load, p99 ms"] / found["70 % load, p50 ms"],
        "answered at twice the capacity / capacity": found["twice the capacity, answered/s"] / many,
        "metrics, of a search's time at capacity": metrics_s() * many,
    }
    for name, ratio in ratios.items():
        print(f"| **{name}** | **{ratio:.3f}** |")


def per_s(found: Sequence[Ended]) -> float:
    """Searches that were answered a second, once all callers have begun and before the first of them ends."""
    return sum(status == 200 and SECONDS / 4 < at < SECONDS for status, _, at in found) / (0.75 * SECONDS)


def times(found: Sequence[Ended]) -> list[float]:
    """The seconds of those that were answered."""
    return [seconds for status, seconds, _ in found if status == 200]


def metrics_s() -> float:
    """Seconds that the metrics of one search take."""

    def serving() -> Active:
        raise AssertionError("only a scrape needs the active model and gallery")

    metrics = Metrics(serving=serving, provider="cpu")
    stages = dict.fromkeys(("wait", "decode", "encode", "search", "total"), 1.0)
    began = time.perf_counter()
    for _ in range(10_000):
        metrics.observe_request(route="/search", method="POST", status=200, seconds=0.1)
        metrics.observe_stages(stages)
        metrics.observe_batch("composed", 4)
    return (time.perf_counter() - began) / 10_000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
