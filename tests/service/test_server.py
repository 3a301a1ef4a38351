"""The process that serves sends the end of an answer at once."""

import asyncio
import socket

import pytest

from service.server import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_is_not_held_back_until_the_caller_has_acknowledged_its_beginning(host: str) -> None:
    async def scenario() -> int:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = listen(host, 0)
        async with await asyncio.start_server(accepted, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
            delay_off = await told
            writer.close()
        return delay_off

    assert asyncio.run(scenario())
