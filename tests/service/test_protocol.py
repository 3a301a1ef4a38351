"""The fields of a request have an end, before its body and after it, and what is pipelined is not counted as theirs."""

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


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path and how many bytes the body had."""
    count, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        count, more = count + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"[{scope['path']} {count}]".encode()})


def answered(pieces: Iterable[bytes]) -> bytes:
    """What a connection answers to pieces that arrive one by one; none arrives after its end."""

    async def scenario() -> bytes:
        ours, theirs = socket.socketpair()
        config = uvicorn.Config(told, http=BoundedHead, lifespan="off", log_config=None)
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
def test_fields_that_go_on_and_on_are_refused(begin: bytes) -> None:
    sent = [begin, *[LINE] * 1000, b"\r\n"]
    given: list[bytes] = []

    def pieces() -> Iterable[bytes]:
        for piece in sent:
            given.append(piece)
            yield piece

    assert answered(pieces()).startswith(b"HTTP/1.1 400 ")
    assert len(b"".join(given)) < HEAD_BYTES + 3 * len(LINE) + len(begin)


def test_trailers_that_end_are_read_and_passed_over() -> None:
    assert b"[/chunked 1]" in answered([CHUNKED, *[LINE] * 20, b"\r\n"])


def test_a_body_may_come_in_any_number_of_pieces() -> None:
    begin = b"POST /many HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n"
    assert b"[/many 1000000]" in answered([begin, *[b"b" * 1000] * 1000])


@pytest.mark.parametrize("chunked", [False, True])
def test_the_end_of_a_body_is_not_counted_to_the_head_that_follows_in_its_piece(chunked: bool) -> None:
    size = 3 * HEAD_BYTES
    how = b"transfer-encoding: chunked\r\n\r\n%x\r\n" % size if chunked else b"content-length: %d\r\n\r\n" % size
    first = b"POST /first HTTP/1.1\r\nhost: x\r\n" + how
    rest = b"b" * size + (b"\r\n0\r\n\r\n" if chunked else b"")
    begun = b"GET /second HTTP/1.1\r\nhost: x\r\n"
    said = answered([first, rest + begun, b"connection: close\r\n", b"\r\n"])
    assert f"[/first {size}]".encode() in said and b"[/second 0]" in said
