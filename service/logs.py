"""One line of JSON a request, a request id through all of it, and the last net under every failure."""

import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import errors
from service.metrics import Metrics

LOG = logging.getLogger("likebut")
QUIET = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds by machines: logged only when they fail
UNMATCHED = "unmatched"
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


class JsonLines(logging.Formatter):
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
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)  # Pillow warns of what is odd in a picture: one line of JSON, too
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a caller's broken form is no error of ours
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # the address and the end are said by `serve` itself


def request_id(given: str | None) -> str:
    """The caller's own id where it is a harmless one, else a new one."""
    if given and re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", given):
        return given
    return uuid.uuid4().hex


class Observed:
    """Wraps the whole app: gives each request its id, counts it, logs it, and answers what nothing else caught."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        identity = request_id(_header(scope["headers"], b"x-request-id"))
        state = scope.setdefault("state", {})
        state["request_id"] = identity
        status = 0

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *SECURITY, (b"x-request-id", identity.encode())]
            await send(message)

        failure: Exception | None = None
        try:
            await self._app(scope, receive, tagged)
        except ClientDisconnect:
            status = status or ABANDONED
        except Exception as error:  # a bug of ours: told to the log in full, to the caller not at all
            failure = error
            if status == 0:
                detail = f"something went wrong on our side; the log has it under request {identity}"
                await errors.problem(500, detail, request_id=identity)(scope, receive, tagged)
            status = 500
        self._told(scope, state, status=status or ABANDONED, seconds=time.perf_counter() - began, failure=failure)

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
            "method": scope["method"],
            "route": route,
            "path": scope["path"],
            "status": status,
            "took_ms": round(seconds * 1000, 3),
        }
        if "took_ms" in state:
            facts["stages_ms"] = state["took_ms"]
        LOG.log(level, "request", exc_info=failure, extra={"facts": facts})


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key == name), None)
