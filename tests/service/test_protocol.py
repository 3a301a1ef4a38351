"""Heads, framing and upgrades: doubtful requests are refused, offers of other protocols are ignored."""

import asyncio
import socket
from collections.abc import Iterable

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.connections import Connections
from service.protocol import HEAD_BYTES, BoundedConnection, HttpConfig

LINE = b"x-field: " + b"y" * 990 + b"\r\n"
CHUNKED = b"POST /chunked HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path and the size of the body, or with the value of a header that the path names."""
    count, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        count, more = count + len(message["body"]), message["more_body"]
    path = scope["path"].encode()
    if path.startswith(b"/header/"):
        path = b", ".join(value for name, value in scope["headers"] if name == path.removeprefix(b"/header/"))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"[%s %d]" % (path, count)})


def answered(pieces: Iterable[bytes]) -> bytes:
    """Return the response to chunks that arrive one by one; none arrives after the connection is closed."""

    async def scenario() -> bytes:
        ours, theirs = socket.socketpair()
        connections = Connections(10, on_refusal=lambda reason: None)
        config = HttpConfig(echo, connections, grace_s=1, lifespan="off")
        config.load()
        loop = asyncio.get_running_loop()
        _, protocol = await loop.connect_accepted_socket(lambda: BoundedConnection(config, ServerState(), {}), ours)
        reader, writer = await asyncio.open_connection(sock=theirs)
        for piece in pieces:
            if protocol.refused:
                break
            protocol.data_received(piece)
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return said

    return asyncio.run(scenario())


@pytest.mark.parametrize("begin", [b"GET / HTTP/1.1\r\nhost: x\r\n", CHUNKED], ids=["head", "trailers"])
def test_endless_header_fields_are_refused(begin: bytes) -> None:
    sent = [begin, *[LINE] * 1000, b"\r\n"]
    given: list[bytes] = []

    def pieces() -> Iterable[bytes]:
        for piece in sent:
            given.append(piece)
            yield piece

    assert answered(pieces()).startswith(b"HTTP/1.1 431 ")
    assert len(b"".join(given)) < HEAD_BYTES + 3 * len(LINE) + len(begin)


def test_short_trailers_are_ignored() -> None:
    assert b"[/chunked 1]" in answered([CHUNKED, *[LINE] * 20, b"\r\n"])


def test_a_body_may_arrive_in_many_chunks() -> None:
    begin = b"POST /many HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n"
    assert b"[/many 1000000]" in answered([begin, *[b"b" * 1000] * 1000])


@pytest.mark.parametrize("chunked", [False, True])
def test_body_bytes_do_not_count_for_the_next_head_in_the_chunk(chunked: bool) -> None:
    size = 3 * HEAD_BYTES
    how = b"transfer-encoding: chunked\r\n\r\n%x\r\n" % size if chunked else b"content-length: %d\r\n\r\n" % size
    first = b"POST /first HTTP/1.1\r\nhost: x\r\n" + how
    rest = b"b" * size + (b"\r\n0\r\n\r\n" if chunked else b"")
    begun = b"GET /second HTTP/1.1\r\nhost: x\r\n"
    said = answered([first, rest + begun, b"connection: close\r\n", b"\r\n"])
    assert f"[/first {size}]".encode() in said and b"[/second 0]" in said


HOST = b"Host: x\r\n"
CLOSE = b"Connection: close\r\n"
LENGTH = b"Content-Length: 2\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" + LENGTH, b"{}"),
        (b"Connection: close, upgrade\r\nUPGRADE: h2c\r\n" + CHUNKS, b"2\r\n{}\r\n0\r\n\r\n"),
        (b"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" + LENGTH, b"{}"),
        (b"Upgrade: TLS/1.0\r\n" + LENGTH, b"{}"),
        (b"Connection: Upgrade\r\n" + LENGTH, b"{}"),
    ],
    ids=["h2c", "h2c with chunks", "websocket", "no connection option", "no protocol"],
)
@pytest.mark.parametrize("pieces", [1, 2, 1000])
def test_an_offer_of_another_protocol_is_ignored(head: bytes, body: bytes, pieces: int) -> None:
    sent = b"POST /offered HTTP/1.1\r\n" + HOST + head + b"\r\n" + body
    after = b"GET /next HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    size = -(-len(sent) // pieces)
    said = answered([*(sent[at : at + size] for at in range(0, len(sent), size)), after])
    assert b"[/offered 2]" in said
    assert b"[/next 0]" in said or b"close" in head


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\n" + HOST + LENGTH + LENGTH + b"\r\n{}",
        b"POST / HTTP/1.1\r\n" + HOST + LENGTH + CHUNKS + b"\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + CHUNKS + LENGTH + b"\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\n" + HOST + CHUNKS + b"\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2, 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: \r\n\r\n{}",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 2\r\n\r\n{}",
        b"GET / HTTP/1.1\r\n" + HOST + b"Host: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\n" + b"Host: x\n\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\xc3\xbc HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
    ids=repr,
)
def test_doubtful_framing_is_refused(sent: bytes) -> None:
    said = answered([sent])
    assert said.startswith(b"HTTP/1.1 400 ") and said.count(b"HTTP/1.1 400") == 1
    assert b"application/problem+json" in said and b"connection: close" in said


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"http://x/a?b=c", b"/a"), (b"http://x", b"/"), (b"http://x?b", b"/"), (b"//a/b", b"//a/b"), (b"/a#b", b"/a")],
)
def test_a_target_may_have_a_scheme_and_a_host(target: bytes, path: bytes) -> None:
    assert b"[%s 0]" % path in answered([b"GET %s HTTP/1.1\r\n" % target + HOST + CLOSE + b"\r\n"])


def test_http_1_0_without_host_is_answered() -> None:
    said = answered([b"GET /old HTTP/1.0\r\n\r\n"])
    assert said.startswith(b"HTTP/1.1 200 ") and b"[/old 0]" in said


def test_the_body_is_asked_for_if_the_caller_waits_for_that() -> None:
    said = answered([b"POST /e HTTP/1.1\r\n" + HOST + CLOSE + LENGTH + b"Expect: 100-continue\r\n\r\n", b"", b"{}"])
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ") and b"[/e 2]" in said


def test_a_bad_chunk_gets_400_also_if_the_caller_waits_to_be_asked_for_the_body(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = answered([b"POST /e HTTP/1.1\r\n" + HOST + CHUNKS + b"Expect: 100-continue\r\n\r\nzz\r\n"])
    assert said.startswith(b"HTTP/1.1 400 ") and b"100 Continue" not in said
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("count", [1, 3, 17])
@pytest.mark.parametrize("junk", [b"\0\1", b"xx yy\r\n\r\n", b"POST /j HTTP/1.1\r\n" + HOST + CHUNKS + b"\r\nzz\r\n"])
def test_requests_before_a_bad_one_are_answered_first(count: int, junk: bytes) -> None:
    good = b"".join(b"POST /%d HTTP/1.1\r\n%s%s\r\n{}" % (number, HOST, LENGTH) for number in range(count))
    said = answered([good + junk])
    for number in range(count):
        assert b"[/%d 2]" % number in said
    assert said.count(b"HTTP/1.1 200 ") == count and said.count(b"HTTP/1.1 400 ") == 1
    assert said.rindex(b"HTTP/1.1 400 ") > said.rindex(b"HTTP/1.1 200 ")


def test_requests_beyond_the_limit_are_refused_after_the_others_are_answered() -> None:
    said = answered([b"".join(b"GET /%d HTTP/1.1\r\n%s\r\n" % (number, HOST) for number in range(30))])
    assert said.count(b"HTTP/1.1 200 ") == 17 and said.count(b"HTTP/1.1 400 ") == 1


def test_http_1_0_gets_no_100() -> None:
    said = answered([b"POST /e HTTP/1.0\r\n" + LENGTH + b"Expect: 100-continue\r\n\r\n{}"])
    assert said.startswith(b"HTTP/1.1 200 ") and b"100 Continue" not in said


def test_extensions_of_chunks_are_ignored_and_trailers_are_no_headers() -> None:
    chunks = b'2;a=b;c="d"\r\n{}\r\n0\r\nSeen: trailer\r\n\r\n'
    said = answered([b"POST /header/seen HTTP/1.1\r\n" + HOST + CLOSE + CHUNKS + b"Seen: header\r\n\r\n" + chunks])
    assert b"[header 2]" in said


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_body_of_tiny_chunks_is_refused(size: int) -> None:
    chunks = b"1\r\nb\r\n" * 100_000
    pieces = [chunks[at : at + size * 6] for at in range(0, 6 * 20_000 if size == 1 else len(chunks), size * 6)]
    said = answered([b"POST / HTTP/1.1\r\n" + HOST + CHUNKS + b"\r\n", *pieces])
    assert said.startswith(b"HTTP/1.1 400 ") and b"small chunks" in said


def test_too_many_requests_at_once_end_the_connection() -> None:
    few = b"GET /p HTTP/1.1\r\n" + HOST + b"\r\n"
    assert answered([few * 10 + few.replace(HOST, HOST + CLOSE)]).count(b"[/p 0]") == 11
    assert answered([few * 5000]).count(b"[/p 0]") == 17
