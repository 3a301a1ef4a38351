"""Traces (W3C Trace Context): the ids of a request's span, and the spans of its stages.

FastAPI creates the span of a request through the OpenTelemetry API. Only this file imports the OpenTelemetry SDK, which
is installed with the `otel` extra.
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

QUIET = frozenset({"/livez", "/readyz", "/metrics"})  # requested by machines every few seconds
EXPORT_S = 5.0  # timeout for sending one batch of spans to the collector
_HEADERS = TraceContextTextMapPropagator()


class Tracing:
    """Sends spans to `provider`; creates none without one."""

    def __init__(self, provider: TracerProvider | None, *, close: Callable[[], None]) -> None:
        self.close = close  # sends the remaining spans, so it may block
        self.config = TelemetryConfig(
            tracing=provider is not None,
            metrics=False,  # telemetry/metrics.py has them
            logs=False,
            operation_spans=False,
            auto_configure=False,
            tracer_provider=provider,
            exclude=_quiet,
        )
        self._tracer = (provider or trace.NoOpTracerProvider()).get_tracer("likebut", metadata.version("likebut"))

    def stages(self, within: SpanContext, took_ms: Mapping[str, float], *, ended_ns: int) -> None:
        """Creates a span for each stage of a search, as a child of the request's span.

        Only durations are measured, so the spans are placed one after the other, the last one ending at `ended_ns`.
        """
        if not within.trace_flags.sampled:
            return
        parent = trace.set_span_in_context(trace.NonRecordingSpan(within))
        for stage, ms in reversed([(stage, ms) for stage, ms in list(took_ms.items()) if stage != "total"]):
            began_ns = ended_ns - round(ms * 1e6)
            self._tracer.start_span(stage, context=parent, start_time=began_ns).end(end_time=ended_ns)
            ended_ns = began_ns


def connect(endpoint: str) -> Tracing:
    """Return traces to the OTLP collector at that URL, none if it is empty; raises ConfigError without the extra."""
    if not endpoint:
        return Tracing(None, close=lambda: None)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk import resources
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError("otlp_endpoint needs the OpenTelemetry SDK: install Likebut with the extra otel") from error
    ours = resources.Resource(
        {resources.SERVICE_NAME: "likebut", resources.SERVICE_VERSION: metadata.version("likebut")}
    )
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override ours; OTEL_TRACES_SAMPLER is read by the SDK itself
    provider = Provider(resource=ours.merge(resources.OTELResourceDetector().detect()), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, close=provider.shutdown)


def request_span(headers: Iterable[tuple[bytes, bytes]]) -> SpanContext:
    """Return the span of the current request; without one, new ids in the caller's trace, if the caller has one.

    An invalid traceparent is ignored, as the standard requires.
    """
    current = trace.get_current_span().get_span_context()
    if current.is_valid:
        return current
    random = secrets.randbits(192)
    trace_id, span_id = random >> 64, random & (1 << 64) - 1
    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name == b"traceparent"}
    if not carrier:
        return SpanContext(trace_id, span_id, is_remote=False)
    given = trace.get_current_span(_HEADERS.extract(carrier, context=Context())).get_span_context()
    return SpanContext(given.trace_id or trace_id, span_id, is_remote=False, trace_flags=given.trace_flags)


def traceparent(context: SpanContext) -> str:
    """Return the traceparent header of a span."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _quiet(scope: Scope) -> bool:
    return scope["path"] in QUIET
