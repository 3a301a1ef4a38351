"""ASGI middleware around the routes: request id, response headers, last errors, checks of host and path, HEAD."""

import asyncio
import ipaddress
import os
import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import errors
from service.auth.client_address import networks
from service.settings import ROOT_PATH
from service.telemetry import tracing
from service.telemetry.metrics import Metrics
from service.telemetry.request_log import RequestLog

Headers = Sequence[tuple[bytes, bytes]]
CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
SECURITY_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
CLOSE: Headers = ((b"connection", b"close"),)
FOREIGN_HOST = "foreign-host"
FOREIGN_HOST_DETAIL = (
    "without keys the service answers only to localhost and IP addresses, because any other name may belong to a web"
    " page that resolves to this machine: use 127.0.0.1, or start the service with --keys FILE"
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_ROOT_PATH = re.compile(ROOT_PATH)
_PORT = re.compile(":[0-9]*$")


class Envelope:
    """Around each request: its id and its span, the headers of every response, and its log line at the end.

    While the service drains no connection stays open, because the end of the process would cut off the next request on
    it. An exception goes no further: it is in the log.
    """

    def __init__(
        self, app: ASGIApp, *, log: RequestLog, draining: Callable[[], bool], events_url: str = "", varies: bool = False
    ) -> None:
        """`events_url` is where the page may send what was shown, clicked and added.

        If responses vary by the origin of the page, all say so: a browser that kept one without headers for other
        origins would give it to them otherwise, and refuse to show it.
        """
        self._app = app
        self._log = log
        self._draining = draining
        address = re.split("[?#]", events_url)[0]  # a source of a policy has no more
        policy = f"{CONTENT_POLICY}; connect-src 'self' {address}" if address else CONTENT_POLICY
        vary: Headers = ((b"vary", b"Origin"),) if varies else ()
        self._headers: Headers = ((b"content-security-policy", policy.encode()), *SECURITY_HEADERS, *vary)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        identity = request_id(_header(scope["headers"], b"x-request-id"))
        span = tracing.request_span(scope["headers"])
        scope.setdefault("state", {}).update(request_id=identity, span=span)
        status, ended_ns = 0, 0

        def observed(message: Message) -> Awaitable[None]:  # no coroutine of its own
            nonlocal status, ended_ns
            if message["type"] == "http.response.start":
                status, ended_ns = message["status"], time.time_ns()
                own = (b"x-request-id", identity.encode()), (b"traceparent", tracing.traceparent(span).encode())
                closing = CLOSE if self._draining() else ()
                message["headers"] = [*message["headers"], *self._headers, *closing, *own]
            return send(message)

        failure: Exception | None = None
        try:
            await self._app(scope, receive, observed)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:
            self._log.write(scope, status=status, ended_ns=ended_ns, began=began, failure=None)
            raise
        except Exception as error:  # a bug in the service
            failure, status = error, 500
        self._log.write(scope, status=status, ended_ns=ended_ns, began=began, failure=failure)


class RootPath:
    """Sets the path below which a proxy serves the service: the setting, or X-Forwarded-Prefix of a trusted proxy.

    The proxy may have stripped that path from the request or not. If it begins like a path of the service itself
    (`routes`), it must have stripped it.
    """

    def __init__(self, app: ASGIApp, *, root_path: str, proxies: str, routes: Iterable[str]) -> None:
        self._app = app
        self._root_path = root_path
        self._proxies = networks(proxies)
        self._own = frozenset(path.split("/")[1] for path in routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        root = (self._root_path or self._forwarded(scope)) if scope["type"] == "http" else ""
        if root:
            if scope["path"] == root and root.split("/")[1] not in self._own:  # the addresses in the page are relative
                query = scope["query_string"].decode("latin-1")
                await RedirectResponse(f"{root}/{'?' * bool(query)}{query}", 308)(scope, receive, send)
                return
            scope["root_path"] = root
            if root.split("/")[1] in self._own or not scope["path"].startswith(f"{root}/"):
                scope["path"] = root + scope["path"]  # as ASGI wants it
        await self._app(scope, receive, send)

    def _forwarded(self, scope: Scope) -> str:
        prefix = (_header(scope["headers"], b"x-forwarded-prefix") or "").rstrip("/")
        if not prefix or not _ROOT_PATH.fullmatch(prefix) or scope["client"] is None:
            return ""
        address = ipaddress.ip_address(scope["client"][0])
        return prefix if any(address in network for network in self._proxies) else ""


class CatchAll:
    """Answers 500 if the app raises and 503 if the service ends first, then passes the exception on to be logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        started = False

        def observed(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        try:
            await self._app(scope, receive, observed)
        except ClientDisconnect:
            raise  # there is no caller to answer
        except asyncio.CancelledError:  # the service ends, and this request took longer than its grace period
            if scope["type"] == "http" and not started:
                ending = errors.NotReady("the service stopped before it could answer: retry on another instance")
                await errors.answer(ending, request_id=scope["state"]["request_id"])(scope, receive, send)
            raise
        except Exception:
            if scope["type"] == "http" and not started:
                body = errors.unexpected(request_id=scope["state"]["request_id"])  # the details go to the log only
                await JSONResponse(body, 500, media_type=errors.PROBLEM_TYPE)(scope, receive, send)
            raise


class HostCheck:
    """Answers 421 if the Host header is a name that DNS could point at this machine; for a service without keys.

    Otherwise DNS rebinding gives a foreign web page the origin of the service, and the page could change the gallery.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope; probes are checked too, since they come by IP address."""
        host = _header(scope["headers"], b"host") if scope["type"] == "http" else None
        if host is None or is_local_host(host):  # browsers always send Host; probes by HTTP/1.0 may leave it out
            await self._app(scope, receive, send)
            return
        self._metrics.rejected.labels(FOREIGN_HOST).inc()
        problem = errors.problem(421, FOREIGN_HOST_DETAIL, reason=FOREIGN_HOST, request_id=scope["state"]["request_id"])
        await problem(scope, receive, send)


class BodyBudget:
    """Bounds the sum of the bodies of all requests in progress; a request that would exceed it gets 429."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope; a body counts from its arrival to the end of its request."""
        own = 0

        async def counted() -> Message:
            nonlocal own
            message = await receive()
            size = len(message.get("body", b""))
            if self._bytes + size > self._max_bytes:
                raise errors.Overloaded(
                    f"the bodies of all requests have more than {self._max_bytes} bytes: retry later", retry_after_s=1
                )
            own += size
            self._bytes += size
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._bytes -= own


class PathCheck:
    """Answers 400 if a path is not UTF-8: no route, id or file is named so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        if scope["type"] == "http" and b"%" in scope["raw_path"]:
            try:
                urllib.parse.unquote_to_bytes(scope["raw_path"]).decode()
            except UnicodeDecodeError:
                wrong = errors.MalformedRequest("the path is not UTF-8: percent-encode its UTF-8 bytes")
                await errors.answer(wrong, request_id=scope["state"]["request_id"])(scope, receive, send)
                return
        await self._app(scope, receive, send)


class HeadAsGet:
    """Passes a HEAD request to the app as GET; the server leaves out the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope; the outer scope still says HEAD, so that the server sends no body."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, send)
        finally:
            scope["route"] = as_get.get("route")  # for the log and the metrics


def request_id(header: str | None) -> str:
    """Return the caller's own id if it is safe to log, else a new one."""
    return header if header and _REQUEST_ID.fullmatch(header) else os.urandom(16).hex()


@lru_cache(maxsize=64)
def is_local_host(host: str) -> bool:
    """Return whether a Host header names localhost, a sub-domain of it, or an IP address, with or without a port."""
    name = _PORT.sub("", host.lower()).removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):  # browsers never look these up in DNS
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None
