"""Sends searches to a service at a fixed rate, whatever it answers, and prints what came of each as JSON.

Open loop: a request is sent when its time has come, and its time counts from then, also when earlier ones are late.
With --callers instead of --rate so many callers ask one after the other. It runs beside the service as a process of its
own, so it does as little as possible: the bodies are made before, and the answers only looked at for their status.
"""

import argparse
import asyncio
import base64
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "6f1d0c7e2b9a4458"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("bodies", type=Path, help="JSON lines, each the body of a POST")
    parser.add_argument("--path", default="/search")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, help="searches a second")
    parser.add_argument("--callers", type=int)
    parser.add_argument("--key", default="", help="API key")
    parser.add_argument("--form", action="store_true", help="send images as files of a form")
    arguments = parser.parse_args(argv)
    host, port = urlsplit(arguments.address).hostname, urlsplit(arguments.address).port
    key = f"X-API-Key: {arguments.key}\r\n" if arguments.key else ""
    kind = f"multipart/form-data; boundary={BOUNDARY}" if arguments.form else "application/json"
    head = f"POST {arguments.path} HTTP/1.1\r\nHost: {host}\r\n{key}Content-Type: {kind}\r\nContent-Length: "
    lines = arguments.bodies.read_bytes().splitlines()
    bodies = [form(json.loads(line)) for line in lines] if arguments.form else lines
    requests = [head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body for body in bodies]
    load = Load(str(host), int(port or 80), itertools.cycle(requests))
    if arguments.rate:
        asyncio.run(load.open_loop(arguments.rate, arguments.seconds))
    else:
        asyncio.run(load.closed_loop(arguments.callers, arguments.seconds))
    print(json.dumps(load.found))
    return 0


def form(search: dict[str, Any]) -> bytes:
    """Return a search with an image and a text as a multipart form."""
    text = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="text"\r\n\r\n{search["text"]}\r\n'
    image = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="image.jpg"\r\n'
    data = base64.b64decode(search["image"]["base64"])
    return f"{text}{image}Content-Type: image/jpeg\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


class Load:
    """The connections of one run, and what was found: of each search its status, its seconds, and when it ended."""

    def __init__(self, host: str, port: int, requests: Iterator[bytes]) -> None:
        self._host, self._port, self._requests = host, port, requests
        self._idle: list[Connection] = []
        self._began = time.perf_counter()
        self.found: list[tuple[int, float, float]] = []

    async def open_loop(self, rate: float, seconds: float) -> None:
        """Arrivals by chance, as of many callers who do not know of each other."""
        chance = random.Random(0)
        at = began = time.perf_counter()
        tasks = []
        while at - began < seconds:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            tasks.append(asyncio.create_task(self._ask(at)))
            at += chance.expovariate(rate)
        await asyncio.gather(*tasks)

    async def closed_loop(self, callers: int, seconds: float) -> None:
        """Each caller asks again when it was answered."""
        end = time.perf_counter() + seconds

        async def caller() -> None:
            while (now := time.perf_counter()) < end:
                await self._ask(now)

        await asyncio.gather(*(caller() for _ in range(callers)))

    async def _ask(self, since: float) -> None:
        request = next(self._requests)
        try:
            try:
                status = await self._answered(await self._connection(), request)
            except (
                asyncio.IncompleteReadError,
                ConnectionError,
            ):  # a kept connection may be closed by the time it is used
                fresh = await asyncio.open_connection(self._host, self._port)
                status = await self._answered(fresh, request)
        except (asyncio.IncompleteReadError, OSError, ValueError):
            status = 0
        ended = time.perf_counter()
        self.found.append((status, ended - since, ended - self._began))

    async def _connection(self) -> Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    async def _answered(self, connection: Connection, request: bytes) -> int:
        reader, writer = connection
        writer.write(request)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self._idle.append(connection)
        return int(head[9:12])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
