"""The end of each request in the log, the metrics and the traces."""

import logging
import time

from starlette.types import Scope

from service.telemetry.metrics import Metrics
from service.telemetry.tracing import QUIET, Tracing

LOG = logging.getLogger("likebut")
UNMATCHED = "unmatched"
PATH_CHARS = 2000  # of a path in the log
ABANDONED = 499  # the caller left before the answer; this status is never sent


class RequestLog:
    """Counts each request at its end, logs it as one line, and ends its spans."""

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        self._metrics = metrics
        self._tracing = tracing

    def write(self, scope: Scope, *, status: int, ended_ns: int, began: float, failure: Exception | None) -> None:
        """Ends a request, whose id and span are in `state`; `status` and `ended_ns` are 0 without an answer.

        `began` is of time.perf_counter, `ended_ns` of time.time_ns when the answer began.
        """
        seconds = time.perf_counter() - began
        state = scope["state"]
        status = status or ABANDONED
        span = state["span"]
        # an abandoned request has no end; a span that ends before 1970 would lose every span exported with it
        self._tracing.stages(span, state.get("took_ms", {}), ended_ns=ended_ns or time.time_ns())
        route = str(getattr(scope.get("route"), "path", UNMATCHED))
        self._metrics.observe_request(route=route, method=scope["method"], status=status, seconds=seconds)
        level = logging.ERROR if failure else logging.DEBUG if route in QUIET and status < 400 else logging.INFO
        facts = {
            "request_id": state["request_id"],
            "trace_id": f"{span.trace_id:032x}",
            "span_id": f"{span.span_id:016x}",
            "method": scope["method"],
            "route": route,
            "path": scope["path"][:PATH_CHARS],
            "status": status,
            "took_ms": round(seconds * 1000, 3),
        }
        if "key" in state:  # the name of the caller's key
            facts["key"] = state["key"]
        if "took_ms" in state:
            facts["stages_ms"] = state["took_ms"]
        LOG.log(level, "request", exc_info=failure, extra={"facts": facts})
