"""All metrics of the service, in a registry of their own."""

from collections.abc import Callable, Iterator, Mapping

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
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.search.active import Active
from service.search.encode import Kind
from service.search.searcher import Searcher

# OpenTelemetry's buckets for an HTTP server, and finer ones for the stages.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
STAGE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Metrics:
    """The counters, gauges and histograms; labels are never ids, texts or raw paths."""

    def __init__(self, *, serving: Callable[[], Active], provider: str) -> None:
        """`serving` is called at every scrape; `provider` is what the models run on."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        registry = self.registry
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
        self.inflight = Gauge("likebut_inflight_searches", "Searches that compute or wait.", registry=registry)
        self.queue_depth = Gauge("likebut_queue_depth", "Searches that wait for a batch.", registry=registry)
        self.queue_capacity = Gauge(
            "likebut_queue_capacity", "Searches that may compute or wait at once.", registry=registry
        )
        self.busy = Gauge(
            "likebut_worker_busy_seconds", "Age of the oldest running batch of the model, or of the oldest decoding.",
            registry=registry,
        )  # fmt: skip
        self.batch_size = Histogram(
            "likebut_batch_size", "Searches that shared a batch of the model.", ["graph"],
            buckets=BATCH_BUCKETS, registry=registry,
        )  # fmt: skip
        self.connections = Gauge("likebut_connections", "Open connections.", registry=registry)
        self.rejected = Counter("likebut_rejected", "Requests refused, by problem.", ["reason"], registry=registry)
        self.jobs = Counter("likebut_index_jobs", "Rebuilds that ended, by outcome.", ["outcome"], registry=registry)
        self.job_progress = Gauge(
            "likebut_index_job_progress_ratio",
            "How far the running stage of the rebuild is, 0 to 1.",
            registry=registry,
        )
        self.ready = Gauge("likebut_ready", "Whether this instance is ready for searches: 1 or 0.", registry=registry)
        self.registry.register(_Live(serving, provider))
        for outcome in ("done", "failed"):
            self.jobs.labels(outcome)  # so that the first failure shows as an increase from 0

    def observe_request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one answered request."""
        self.requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def watch(self, searcher: Searcher) -> None:
        """Reads the load of the searcher at every scrape."""
        self.inflight.set_function(lambda: searcher.active)
        self.queue_depth.set_function(lambda: searcher.depth)
        self.queue_capacity.set_function(lambda: searcher.capacity)
        self.busy.set_function(lambda: searcher.busy_s)

    def observe_batch(self, graph: Kind, size: int) -> None:
        """Counts one batch of the model."""
        self.batch_size.labels(graph).observe(size)

    def observe_stages(self, took_ms: Mapping[str, float]) -> None:
        """Observes the stages of one search, without the total, which a sum over the stages would count twice."""
        for stage, milliseconds in list(took_ms.items()):  # a thread may still add to them
            if stage != "total":
                self.stage_seconds.labels(stage).observe(milliseconds / 1000)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class _Live(Collector):
    """Metrics of the active model and gallery, read at every scrape, because both know nothing of metrics."""

    def __init__(self, serving: Callable[[], Active], provider: str) -> None:
        self._serving = serving
        self._provider = provider
        self._last_success = 0.0  # seconds since the epoch

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
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
        cache = serving.encoder.reference_cache
        if cache is None:  # this model has no cache of reference features
            return
        requests = CounterMetricFamily(
            "likebut_reference_cache_requests", "Lookups in the reference-image cache, by result.", labels=["result"]
        )
        requests.add_metric(["hit"], cache.hits)
        requests.add_metric(["miss"], cache.misses)
        yield requests
        yield GaugeMetricFamily("likebut_reference_cache_bytes", "Size of the reference-image cache.", cache.bytes)
