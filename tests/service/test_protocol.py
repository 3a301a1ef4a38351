"""The limit for header fields and trailers; pipelined requests do not count for it."""

import asyncio
import socket
from collections.abc import Iterable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.protocol import HEAD_BYTES, BoundedHead

LINE = b"x-field: " + b"y" * 990 + b"\r\n"
CHUNKED = b"POST /chunked HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path and the size of the body."""
    count, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        count, more = count + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"[{scope['path']} {count}]".encode()})


def answered(pieces: Iterable[bytes]) -> bytes:
    """Return the response to chunks that arrive one by one; none arrives after the connection is closed."""

    async def scenario() -> bytes:
        ours, theirs = socket.socketpair()
        config = uvicorn.Config(echo, http=BoundedHead, lifespan="off", log_config=None)
        config.load()
        loop = asyncio.get_running_loop()
        _, protocol = await loop.connect_accepted_socket(lambda: BoundedHead(config, ServerState(), {}), ours)
        reader, writer = await asyncio.open_connection(sock=theirs)
        for piece in pieces:
            if protocol.transport.is_closing():
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

    assert answered(pieces()).startswith(b"HTTP/1.1 400 ")
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
