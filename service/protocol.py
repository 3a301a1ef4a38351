"""HTTP protocol of uvicorn with httptools, plus limits that they lack: for heads, framing, time and connections."""

import asyncio
import logging
import socket
import struct
import uuid
from typing import Literal

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from models.errors import LikebutError
from service import errors
from service.connections import Connections
from service.errors import HeadTooLarge, HeadTooSlow, MalformedRequest, TooManyConnections

LOG = logging.getLogger("likebut")
HEAD_BYTES = 64 * 1024  # the limit of h11
HEAD_S = 10.0  # from the start of a connection, or its last answer, to the end of the next head
FIRST_S = 2.0  # for the first request of a new connection when the service ends
LINGER_S = 2.0  # for the caller to read why its request is refused: a reset would lose the answer
CHECK_S = 1.0  # between two checks of one connection
UNREAD_S = 30.0  # that a caller may be late with reading an answer at `READ_BYTES_PER_S`
READ_BYTES_PER_S = 10_000
PIPELINED = 16  # requests that wait behind another one of the same connection
CHUNKS = 1000  # of a body, and one more for every `CHUNK_BYTES` received: each costs time in the event loop
CHUNK_BYTES = 100
RESET = struct.pack("ii", 1, 0)  # of SO_LINGER
PROBES = ("/livez", "/readyz", "/metrics")
UPGRADE = (b"upgrade", b"http2-settings")


class HttpConfig(uvicorn.Config):
    """Configuration of uvicorn for this protocol, with the connections that all its instances share."""

    def __init__(
        self, app: ASGIApp, connections: Connections, *, grace_s: int, lifespan: Literal["on", "off"] = "on"
    ) -> None:
        super().__init__(
            app,
            http=BoundedConnection,
            ws="none",
            lifespan=lifespan,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing uses the caller's address or scheme, and `RootPath` needs the proxy's
            timeout_graceful_shutdown=grace_s,
        )
        self.connections = connections


class BoundedConnection(HttpToolsProtocol):
    """One connection: refuses heads that are too long or too slow, doubtful framing, and callers that read no answer.

    Of a head, the chunk in which it begins is not counted: the chunk itself is limited, and it may hold other requests.
    """

    counted = True
    refused = False  # its last request is answered with an error, and it reads no more
    _refusal: LikebutError | None = None  # that error, until the requests before it are answered
    _reading = False  # a request has started and not ended
    _in_body = False  # its head has ended
    _started = False  # the app has it, or will have it after the requests before it
    _upgrade = False  # it offers another protocol, and is parsed again without the offer
    _bytes = 0  # received since the request started or since the last part of its body
    _chunks = 0  # parts of its body
    _body_bytes = 0
    _check_timer: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _since = 0.0  # of the event loop: when the connection started, was last answered, or was refused
    _unread = 0  # bytes of answers that wait for the caller, at the last check
    _unread_s = UNREAD_S  # that the caller may still be late

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own class narrows asyncio's, too
        """Counts the connection and starts to check it."""
        super().connection_made(transport)
        assert isinstance(self.config, HttpConfig)
        self._connections = self.config.connections
        self._since = self.loop.time()
        self._check_timer = self.loop.call_later(CHECK_S, self._check)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the checks and frees the place of the connection."""
        if self._answering is not None:
            self._answering.disconnected = True  # uvicorn marks only the last one of several
        super().connection_lost(exc)
        self._connections.remove(self)
        if self._check_timer is not None:
            self._check_timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Parses the data; refuses the request if it has too many bytes without a body or an end."""
        if self.refused:
            return
        self._unset_keepalive_if_required()
        self._bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(_refusal(error))
            return
        if self._reading and self._bytes > HEAD_BYTES:
            self._refuse(HeadTooLarge(f"the head or the trailers of the request have more than {HEAD_BYTES} bytes"))

    def on_message_begin(self) -> None:
        """Starts to count a head."""
        super().on_message_begin()
        self._reading, self._in_body, self._started, self._upgrade = True, False, False, False
        self._bytes = self._chunks = self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Adds a header; ignores trailers, which could otherwise pass for headers that no proxy has checked."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Starts the request, unless its head is doubtful or there are too many connections."""
        self._in_body = True
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._upgrade = True
            return
        self._check_head()
        if self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False  # which such a caller cannot understand
        if not self.url.startswith(b"/"):  # with a scheme and a host: the path may be empty
            parsed = httptools.parse_url(self.url)
            self.url = (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")
        if len(self.pipeline) >= PIPELINED:
            raise MalformedRequest(f"more than {PIPELINED} requests were sent before the first was answered")
        self._connections.work(self)
        if self._connections.full and self.url.partition(b"?")[0].decode("ascii") not in PROBES:
            raise TooManyConnections("too many requests are in progress: retry later", retry_after_s=1)
        super().on_headers_complete()
        self._started = True

    def on_body(self, body: bytes) -> None:
        """Starts the count again; bytes after the last part of the body are trailers."""
        self._bytes = 0
        self._chunks += 1
        self._body_bytes += len(body)
        if self._chunks > CHUNKS + self._body_bytes / CHUNK_BYTES:
            raise MalformedRequest("the body arrives in too many small chunks: send larger ones")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stops the count."""
        self._reading = False
        if not self._upgrade:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Starts the next request of the connection; if there is none, the time for one starts."""
        is_last = not self.pipeline
        super().on_response_complete()
        if self._refusal is not None and is_last:
            self._answer(self._refusal)
        elif self.cycle.response_complete:
            self._since = self.loop.time()
            self._connections.rest(self)

    def shutdown(self) -> None:
        """Ends the connection after its requests; a new one has FIRST_S for its first, which may be on its way."""
        rest_s = FIRST_S - (self.loop.time() - self._since)
        if self.cycle is None and rest_s > 0 and not self.transport.is_closing():
            self.loop.call_later(rest_s, super().shutdown)
        else:
            super().shutdown()

    def reset(self) -> None:
        """Ends the connection at once; the kernel, too, frees the bytes that the caller has not read."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _feed(self, data: bytes) -> None:
        """Parses data; a request that offers another protocol, such as h2c, is parsed again without the offer.

        Its body is HTTP/1.1 still, but the parser would leave it out.
        """
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                (parsed_bytes,) = upgrade.args
                data = self._plain_head() + data[parsed_bytes:]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _plain_head(self) -> bytes:
        """Return the head that was parsed last, without its offer of another protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                options = [option.strip() for option in value.split(b",")]
                value = b", ".join(option for option in options if option.lower() not in UPGRADE)
            if name not in UPGRADE:
                lines.append(b"%s: %s" % (name, value))
        return b"\r\n".join([*lines, b"", b""])

    def _check_head(self) -> None:
        """Raises MalformedRequest if another server could see another request, or another host, in the same bytes."""
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if version not in ("1.0", "1.1"):
            raise MalformedRequest(f"HTTP/{version} is not served here: send HTTP/1.1")
        if self.parser.get_method() == b"CONNECT":
            raise MalformedRequest("this service is not a proxy: send the request itself")
        if codings and (codings != [b"chunked"] or version == "1.0"):
            raise MalformedRequest("the transfer coding is not served: send a Content-Length, or chunked with HTTP/1.1")
        if names.count(b"host") > 1:
            raise MalformedRequest("the request has several Host headers: send one")

    def _check(self) -> None:
        """Closes the connection if its caller sends no request, or does not read its answer."""
        self._check_timer = self.loop.call_later(CHECK_S, self._check)
        unread = self.transport.get_write_buffer_size()
        if unread:
            self._unread_s += max(0, self._unread - unread) / READ_BYTES_PER_S - CHECK_S
        self._unread_s = min(self._unread_s, UNREAD_S) if unread else UNREAD_S
        self._unread = unread
        idle_s = self.loop.time() - self._since
        if self._unread_s < 0 or (self.refused and self._refusal is None and idle_s > LINGER_S):
            self.reset()
        elif not self._busy and not self.refused and idle_s > HEAD_S:
            if self._reading and not self._in_body:
                self._refuse(HeadTooSlow(f"the head of the request did not arrive in {HEAD_S:g} s"))
            else:
                self.transport.close()

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, error: LikebutError) -> None:
        """Answers with an error and ends the connection; what the caller still sends is thrown away for a moment."""
        self.refused = True
        if self._busy:
            if not self._started or self.pipeline:  # an answer now would pass for that of an earlier request
                if self._started:
                    self.pipeline.popleft()  # the refused request itself
                self._refusal = error
                return
            if self.cycle.response_started:
                self.transport.close()  # or the answer would be part of this one
                return
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False  # nothing can be written after the answer
            self.cycle.message_event.set()
        self._answer(error)

    def _answer(self, error: LikebutError) -> None:
        """Answers a refused request."""
        identity = uuid.uuid4().hex
        self._refusal, self._since = None, self.loop.time()
        self._connections.on_refusal(errors.reason(error))
        facts = {"request_id": identity, "status": errors.status_of(error), "client": self.client and self.client[0]}
        LOG.info("refused: %s", error, extra={"facts": facts})
        if self.transport.is_closing():
            return
        response = errors.answer(error, request_id=identity)
        lines = [b"%s: %s\r\n" % header for header in (*self.server_state.default_headers, *response.raw_headers)]
        head = b"".join((STATUS_LINE[response.status_code], *lines, b"connection: close\r\n\r\n"))
        self.transport.write(head + bytes(response.body))
        self.transport.write_eof()
        self._connections.rest(self)


def _refusal(error: httptools.HttpParserError) -> LikebutError:
    """Return the error to answer if the parser fails: our own, if a method of the connection raised it."""
    cause = error.__context__
    if isinstance(cause, LikebutError):
        return cause
    lacking = None if cause is None else errors.shortage(cause)
    return lacking or MalformedRequest(f"the request is not valid HTTP/1.1 ({error})")
