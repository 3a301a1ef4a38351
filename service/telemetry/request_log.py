"""The middleware that counts each request and writes one line about it."""

import asyncio
import logging
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry.metrics import Metrics
from service.telemetry.tracing import QUIET, Tracing

LOG = logging.getLogger("likebut")
UNMATCHED = "unmatched"
PATH_CHARS = 2000  # of a path in the log
ABANDONED = 499  # the caller left before the answer; this status is never sent


class RequestLog:
    """Counts each request, logs it as one line at its end, and ends its spans; an exception goes no further."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope; `state` already holds the id and the span of the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status, ended_ns = 0, 0

        async def observed(message: Message) -> None:
            nonlocal status, ended_ns
            if message["type"] == "http.response.start":
                status, ended_ns = message["status"], time.time_ns()
            await send(message)

        failure: Exception | None = None
        try:
            await self._app(scope, receive, observed)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:
            self._finish(scope, status=status, ended_ns=ended_ns, began=began, failure=None)
            raise
        except Exception as error:  # a bug in the service
            failure, status = error, 500
        self._finish(scope, status=status, ended_ns=ended_ns, began=began, failure=failure)

    def _finish(self, scope: Scope, *, status: int, ended_ns: int, began: float, failure: Exception | None) -> None:
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
