"""Where a request stands in a trace of several services (W3C Trace Context), and the spans that tell of it.

FastAPI makes the span of a request, with OpenTelemetry's API that it brings along; here are its ids, the spans of its
stages, and the one place that imports the SDK, which only an install with the `otel` extra has.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from models.errors import ConfigError

QUIET = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds by machines
EXPORT_S = 5.0  # for one batch of spans to reach the collector
_HEADERS = TraceContextTextMapPropagator()


class Tracing:
    """Hands spans to `provider`; without one it makes none."""

    def __init__(self, provider: TracerProvider | None, *, close: Callable[[], None]) -> None:
        self.close = close  # sends what has not been sent yet, and so may wait
        self.config = TelemetryConfig(
            tracing=provider is not None,
            metrics=False,  # there are our own
            logs=False,
            operation_spans=False,
            auto_configure=False,
            tracer_provider=provider,
            exclude=_quiet,
        )
        self._tracer = (provider or trace.NoOpTracerProvider()).get_tracer("likebut", metadata.version("likebut"))

    def stages(self, within: SpanContext, took_ms: Mapping[str, float], *, ended_ns: int) -> None:
        """Makes a span of each stage of a search within that of its request.

        They are laid end to end, the last ending at `ended_ns`: what is measured is how long each took.
        """
        if not within.trace_flags.sampled:
            return
        parent = trace.set_span_in_context(trace.NonRecordingSpan(within))
        for stage, ms in reversed([(stage, ms) for stage, ms in list(took_ms.items()) if stage != "total"]):
            began_ns = ended_ns - round(ms * 1e6)
            self._tracer.start_span(stage, context=parent, start_time=began_ns).end(end_time=ended_ns)
            ended_ns = began_ns


def opened(endpoint: str) -> Tracing:
    """Traces to the OTLP collector at that URL, none where it is empty; raises ConfigError without the extra."""
    if not endpoint:
        return Tracing(None, close=lambda: None)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk import resources
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError("otlp_endpoint needs OpenTelemetry's SDK: install Likebut with the extra otel") from error
    ours = resources.Resource(
        {resources.SERVICE_NAME: "likebut", resources.SERVICE_VERSION: metadata.version("likebut")}
    )
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES lie over ours; OTEL_TRACES_SAMPLER is read by the SDK itself
    provider = Provider(resource=ours.merge(resources.OTELResourceDetector().detect()), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, close=provider.shutdown)


def here(headers: Iterable[tuple[bytes, bytes]]) -> SpanContext:
    """The span of the request that is being answered; without one ids of its own, in the caller's trace if it has one.

    A traceparent that is none is passed over, as the standard wants.
    """
    current = trace.get_current_span().get_span_context()
    if current.is_valid:
        return current
    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name == b"traceparent"}
    given = trace.get_current_span(_HEADERS.extract(carrier, context=Context())).get_span_context()
    return SpanContext(
        given.trace_id or secrets.randbits(128), secrets.randbits(64), is_remote=False, trace_flags=given.trace_flags
    )


def traceparent(context: SpanContext) -> str:
    """The header that says so."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _quiet(scope: Scope) -> bool:
    return scope["path"] in QUIET
