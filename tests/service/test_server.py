"""The server sends the end of a response at once."""

import asyncio
import socket

import pytest

from service.listening import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_end_of_a_response_is_sent_without_waiting_for_an_ack(host: str) -> None:
    async def scenario() -> int:
        no_delay: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            no_delay.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = listen(host, 0)
        async with await asyncio.start_server(accepted, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
            delay_off = await no_delay
            writer.close()
        return delay_off

    assert asyncio.run(scenario())
