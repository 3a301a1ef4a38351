"""All metrics of the service, in a registry of their own."""

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from index.storage import unlike_images
from models.encoder import Encoder
from service.search.active import Active
from service.search.encode import Kind
from service.search.searcher import Searcher
from service.shared_folder import WorkerRole

# OpenTelemetry's buckets for an HTTP server, and finer ones for the stages.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
STAGE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Metrics:
    """The counters, gauges and histograms; labels are never ids, texts or raw paths.

    With several workers, their values are in files (prometheus-client's multiprocess mode), and every worker answers a
    scrape with the sums.
    """

    def __init__(self, *, serving: Callable[[], Active], provider: str, role: WorkerRole | None = None) -> None:
        """`serving` is called at every scrape; `provider` is what the models run on."""
        self.registry = CollectorRegistry()
        self._followed: list[tuple[Gauge, Callable[[], float]]] = []
        self._serving = serving
        self._encoder: weakref.ref[Encoder] | None = None  # weak, because a swapped-out model must be freed
        self._lookups = {"hit": 0, "miss": 0}  # in its cache, so far
        self._role = role
        self._refreshing = threading.Lock()
        registry = self.registry

        def gauge(name: str, text: str, mode: Literal["livesum", "livemax", "livemin"] = "livesum") -> Gauge:
            return Gauge(name, text, registry=registry, multiprocess_mode=mode)

        self.requests = Counter(
            "likebut_http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "likebut_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response.", ["route"],
            buckets=REQUEST_BUCKETS, registry=registry,
        )  # fmt: skip
        self.stage_seconds = Histogram(
            "likebut_stage_duration_seconds", "Time of one stage of a search.", ["stage"],
            buckets=STAGE_BUCKETS, registry=registry,
        )  # fmt: skip
        self._request_count = cache(self.requests.labels)  # a lookup in the metric itself takes a lock
        self._request_time = cache(self.request_seconds.labels)
        self._stage_time = cache(self.stage_seconds.labels)
        self.inflight = gauge("likebut_inflight_searches", "Searches that compute or wait.")
        self.queue_depth = gauge("likebut_queue_depth", "Searches that wait for a batch.")
        self.queue_capacity = gauge("likebut_queue_capacity", "Searches that may compute or wait at once.")
        self.busy = gauge(
            "likebut_worker_busy_seconds", "Age of the oldest running batch of the model, or of the oldest decoding.",
            "livemax",
        )  # fmt: skip
        self.batch_size = Histogram(
            "likebut_batch_size", "Searches that shared a batch of the model.", ["graph"],
            buckets=BATCH_BUCKETS, registry=registry,
        )  # fmt: skip
        self.connections = gauge("likebut_connections", "Open connections.")
        self.rejected = Counter("likebut_rejected", "Requests refused, by problem.", ["reason"], registry=registry)
        self.jobs = Counter("likebut_index_jobs", "Rebuilds that ended, by outcome.", ["outcome"], registry=registry)
        self.job_progress = gauge(
            "likebut_index_job_progress_ratio", "How far the running stage of the rebuild is, 0 to 1.", "livemax"
        )
        self.ready = gauge("likebut_ready", "Whether this instance is ready for searches: 1 or 0.", "livemin")
        self.lookups = Counter(
            "likebut_reference_cache_requests", "Lookups in the reference-image cache, by result.", ["result"],
            registry=registry,
        )  # fmt: skip
        self.cache_bytes = gauge("likebut_reference_cache_bytes", "Size of the reference-image cache.")
        self.workers = gauge("likebut_workers", "Processes that serve.")
        self.workers.set(1)
        self.wanted = gauge("likebut_workers_wanted", "Processes that shall serve, by the settings.", "livemax")
        self.wanted.set(1 if role is None else role.workers)
        self.restarts = Counter(
            "likebut_worker_restarts", "Workers that ended by themselves and were replaced.", registry=registry
        )
        if role is not None and role.replaces:
            self.restarts.inc()
        self._exported = self.registry
        if role is None:
            ProcessCollector(registry=self.registry)
            GCCollector(registry=self.registry)
        else:
            self._processes = _Processes(registry)
            self._exported = CollectorRegistry()
            files = str(role.folder.metrics)
            MultiProcessCollector(self._exported, files)  # type: ignore[no-untyped-call]  # this part has no types
        PlatformCollector(registry=self._exported)
        self._exported.register(_Live(serving, provider))
        for outcome in ("done", "failed"):
            self.jobs.labels(outcome)  # so that the first failure shows as an increase from 0

    def observe_request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one answered request."""
        self._request_count(route, method if method in METHODS else "other", status).inc()
        self._request_time(route).observe(seconds)

    def follow(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Sets a gauge to this value at every scrape."""
        self._followed.append((gauge, value))

    def watch(self, searcher: Searcher) -> None:
        """Reads the load of the searcher at every scrape."""
        self.follow(self.inflight, lambda: searcher.active)
        self.follow(self.queue_depth, lambda: searcher.depth)
        self.follow(self.queue_capacity, lambda: searcher.capacity)
        self.follow(self.busy, lambda: searcher.busy_s)

    def observe_batch(self, graph: Kind, size: int) -> None:
        """Counts one batch of the model."""
        self.batch_size.labels(graph).observe(size)

    def observe_stages(self, took_ms: Mapping[str, float]) -> None:
        """Observes the stages of one search, without the total, which a sum over the stages would count twice."""
        for stage, milliseconds in list(took_ms.items()):  # a thread may still add to them
            if stage != "total":
                self._stage_time(stage).observe(milliseconds / 1000)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        self.refresh()
        return generate_latest(self._exported)

    def refresh(self) -> None:
        """Reads the values that are not counted as they change; from any thread."""
        with self._refreshing:
            self._read()

    def _read(self) -> None:
        for gauge, value in self._followed:
            gauge.set(value())
        encoder = self._serving().encoder
        if self._encoder is None or self._encoder() is not encoder:
            self._encoder, self._lookups = weakref.ref(encoder), {"hit": 0, "miss": 0}
        cache = encoder.reference_cache
        if cache is not None:  # this model has a cache of reference features
            for result, count in (("hit", cache.hits), ("miss", cache.misses)):
                self.lookups.labels(result).inc(count - self._lookups[result])
                self._lookups[result] = count
            self.cache_bytes.set(cache.bytes)
        if self._role is not None:
            self._processes.refresh()


class _Processes:
    """The metrics of ProcessCollector, which multiprocess mode lacks, as sums over all workers."""

    MODES: Mapping[str, Literal["livesum", "livemax"]] = {
        "process_virtual_memory_bytes": "livesum",
        "process_resident_memory_bytes": "livesum",
        "process_start_time_seconds": "livemax",  # so that a worker that ended shows as a start
        "process_open_fds": "livesum",
        "process_max_fds": "livesum",
    }

    def __init__(self, registry: CollectorRegistry) -> None:
        self._collector = ProcessCollector(registry=CollectorRegistry())
        self._seconds = Counter(
            "process_cpu_seconds", "Total user and system CPU time spent in seconds.", registry=registry
        )
        self._spent = 0.0
        self._gauges = {
            name: Gauge(name, f"{name} of all workers.", registry=registry, multiprocess_mode=mode)
            for name, mode in self.MODES.items()
        }

    def refresh(self) -> None:
        """Reads the values of this process."""
        for family in self._collector.collect():
            for sample in family.samples:
                if sample.name in self._gauges:
                    self._gauges[sample.name].set(sample.value)
                elif sample.name == "process_cpu_seconds_total":
                    self._seconds.inc(max(0.0, sample.value - self._spent))
                    self._spent = sample.value


class _Live(Collector):
    """Metrics of the active model and gallery, read at every scrape, because both know nothing of metrics."""

    def __init__(self, serving: Callable[[], Active], provider: str) -> None:
        self._serving = serving
        self._provider = provider
        self._last_success = 0.0  # seconds since the epoch

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields the metrics of one model and its snapshot."""
        serving = self._serving()
        gallery, model = serving.gallery, serving.encoder.manifest
        yield GaugeMetricFamily(
            "likebut_gallery_items", "Items of the live snapshot.", len(gallery.view()) if gallery is not None else 0
        )
        shards = GaugeMetricFamily("likebut_gallery_shards", "Shards of the live snapshot, by state.", labels=["state"])
        if gallery is not None:
            missing = len(gallery.missing)
            shards.add_metric(["live"], len(gallery.manifest.shards) - missing)
            shards.add_metric(["missing"], missing)
            yield GaugeMetricFamily(
                "likebut_gallery_changes", "Changes since the live snapshot, not compacted yet.", gallery.changes
            )
            unlike = unlike_images.of_view(gallery.manifest, gallery.view().rows)
            if unlike is not None:
                yield GaugeMetricFamily(
                    "likebut_gallery_unlike_ratio",
                    "Share of the images that are unlike those that the model knows, 0 to 1.",
                    unlike.share,
                )
            created = gallery.manifest.created.timestamp()
            self._last_success = max(self._last_success, created)  # a roll-back does not lower it
            yield GaugeMetricFamily(
                "likebut_gallery_created_timestamp_seconds", "When the live snapshot was built.", created
            )
            yield GaugeMetricFamily(
                "likebut_index_last_success_timestamp_seconds",
                "When the newest snapshot that has been live here was built.",
                self._last_success,
            )
        yield shards
        info = GaugeMetricFamily(
            "likebut_gallery_info",
            "The live snapshot, the model that searches it and their space, always 1.",
            labels=["snapshot", "model", "space"],
        )
        if gallery is not None:
            info.add_metric([gallery.manifest.name, model.model_id, model.space_id], 1)
        yield info
        runs = GaugeMetricFamily(
            "likebut_model_info",
            "The active model, its space and its provider, always 1.",
            labels=["model", "space", "provider"],
        )
        runs.add_metric([model.model_id, model.space_id, self._provider], 1)
        yield runs
        nodes = GaugeMetricFamily(
            "likebut_model_nodes",
            "Nodes of the active model's graphs, by the provider that they run on.",
            labels=["graph", "provider"],
        )
        for graph, placement in serving.encoder.placement.items():
            for provider, count in placement.nodes.items():
                nodes.add_metric([graph, provider], count)
        yield nodes
