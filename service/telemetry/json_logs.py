"""One line of JSON a request, a request id through all of it, and the last net under every failure."""

import asyncio
import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import errors
from service.telemetry import tracing
from service.telemetry.metrics import Metrics
from service.telemetry.readiness import ReadinessProbe
from service.telemetry.tracing import QUIET, Tracing

LOG = logging.getLogger("likebut")
UNMATCHED = "unmatched"
CLOSE = ((b"connection", b"close"),)
ABANDONED = 499  # the caller left before the answer; the status never travels
SECURITY = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self';"
        b" frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


class JsonLineFormatter(logging.Formatter):
    """A record as one JSON object; `extra={"facts": {…}}` adds members."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "facts", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure() -> None:
    """Sends every log of the process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)  # Pillow warns of what is odd in a picture: one line of JSON, too
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a caller's broken form is no error of ours
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # the address and the end are said by `serve` itself


def request_id(given: str | None) -> str:
    """The caller's own id where it is a harmless one, else a new one."""
    if given and re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", given):
        return given
    return uuid.uuid4().hex


class RequestLog:
    """Wraps the whole app: gives each request its id and its place in a trace, counts it, logs it, and answers what
    nothing else caught.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing, prober: ReadinessProbe) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._prober = prober

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        identity = request_id(_header(scope["headers"], b"x-request-id"))
        state = scope.setdefault("state", {})
        state["request_id"] = identity
        place = tracing.here(scope["headers"])
        state["trace_id"], state["span_id"] = f"{place.trace_id:032x}", f"{place.span_id:016x}"
        told = [(b"x-request-id", identity.encode()), (b"traceparent", tracing.traceparent(place).encode())]
        status, ended_ns = 0, 0

        async def tagged(message: Message) -> None:
            nonlocal status, ended_ns
            if message["type"] == "http.response.start":
                status, ended_ns = message["status"], time.time_ns()
                # while draining no connection is kept, so that none is closed under a caller's next request
                closing = CLOSE if self._prober.draining else ()
                message["headers"] = [*message["headers"], *SECURITY, *told, *closing]
            await send(message)

        failure: Exception | None = None
        cut: asyncio.CancelledError | None = None
        try:
            await self._app(scope, receive, tagged)
        except ClientDisconnect:
            status = status or ABANDONED
        except asyncio.CancelledError as error:  # the service ends, and this took longer than it may
            cut = error
            if status == 0:
                ending = errors.NotReady("the service ended before this was done: ask again")
                await errors.answer(ending, request_id=identity)(scope, receive, tagged)
        except Exception as error:  # a bug of ours: told to the log in full, to the caller not at all
            failure = error
            if status == 0:
                body = errors.unexpected(request_id=identity)
                await JSONResponse(body, 500, media_type=errors.PROBLEM_TYPE)(scope, receive, tagged)
            status = 500
        # one that left got no answer, and a span that ends before 1970 would lose all that are sent with it
        self._tracing.stages(place, state.get("took_ms", {}), ended_ns=ended_ns or time.time_ns())
        self._told(scope, state, status=status or ABANDONED, seconds=time.perf_counter() - began, failure=failure)
        if cut is not None:
            raise cut

    def _told(
        self,
        scope: Scope,
        state: MutableMapping[str, object],
        *,
        status: int,
        seconds: float,
        failure: Exception | None,
    ) -> None:
        route = str(getattr(scope.get("route"), "path", UNMATCHED))
        self._metrics.request(route=route, method=scope["method"], status=status, seconds=seconds)
        level = logging.ERROR if failure else logging.DEBUG if route in QUIET and status < 400 else logging.INFO
        facts = {
            "request_id": state["request_id"],
            "trace_id": state["trace_id"],
            "span_id": state["span_id"],
            "method": scope["method"],
            "route": route,
            "path": scope["path"],
            "status": status,
            "took_ms": round(seconds * 1000, 3),
        }
        if "key" in state:  # the name of the caller's
            facts["key"] = state["key"]
        if "took_ms" in state:
            facts["stages_ms"] = state["took_ms"]
        LOG.log(level, "request", exc_info=failure, extra={"facts": facts})


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key == name), None)
