"""Attacks on a served shop: each runs until it is cancelled, and counts the answers that it gets."""

import asyncio
import itertools
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bombs import bombs

CONNECTIONS = 2_000  # that are open at once, if an attack only opens them
Counts: TypeAlias = Counter[str]


@dataclass(frozen=True, slots=True)
class Target:
    """The served shop as an attacker sees it."""

    host: str
    port: int
    key: str
    counts: Counts  # of the answers: their status, or `closed` without one

    def head(self, method: str, path: str, length: int | None, kind: str = "application/json") -> bytes:
        """Return the head of a request with the attacker's key."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", f"X-API-Key: {self.key}"]
        lines += [] if length is None else [f"Content-Type: {kind}", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode()

    async def send(self, method: str, path: str, body: bytes | None = None) -> None:
        """Sends one request on a connection of its own, and counts its answer."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(self.head(method, path, None if body is None else len(body)) + (body or b""))
                status = (await reader.readline())[9:12].decode() or "closed"
                while status != "closed" and await reader.readline() not in (b"\r\n", b""):
                    pass
                await reader.read(1 << 20)
            finally:
                writer.close()
        except OSError:
            status = "closed"
        self.counts[status] += 1

    async def trickle(self, start: bytes, every_s: float) -> None:
        """Opens a connection, sends `start`, then one byte now and then until the service closes it."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(start)
                while True:
                    try:
                        answer = await asyncio.wait_for(reader.read(1 << 12), every_s)
                        break
                    except TimeoutError:
                        writer.write(b"x")
            finally:
                writer.close()
            self.counts[answer[9:12].decode() or "closed"] += 1
        except OSError:
            self.counts["closed"] += 1

    async def deaf(self, request: bytes) -> None:
        """Sends many requests on one connection and reads no answer."""
        try:
            _, writer = await asyncio.open_connection(self.host, self.port, limit=1)
            try:
                for _ in range(200):
                    writer.write(request)
                    await writer.drain()  # waits for the service to read, and raises when it closes the connection
                await asyncio.sleep(3600)
            finally:
                writer.close()
        except OSError:
            self.counts["closed"] += 1


Attack: TypeAlias = Callable[[Target], Awaitable[None]]


async def repeated(callers: int, work: Callable[[], Awaitable[None]]) -> None:
    """Runs `work` again and again, by so many callers at once, until it is cancelled."""

    async def caller() -> None:
        while True:
            await work()
            await asyncio.sleep(0)

    await asyncio.gather(*(caller() for _ in range(callers)))


def posts(callers: int, path: str, bodies: Callable[[], list[bytes]]) -> Attack:
    """Return an attack that posts these bodies in turn."""

    async def attack(target: Target) -> None:
        cycle = itertools.cycle(bodies())
        await repeated(callers, lambda: target.send("POST", path, next(cycle)))

    return attack


def gets(callers: int, path: str) -> Attack:
    """Return an attack that gets one path."""

    async def attack(target: Target) -> None:
        await repeated(callers, lambda: target.send("GET", path))

    return attack


def bomb_searches() -> list[bytes]:
    """Return a search with each image of bombs.py."""
    return [json.dumps({"image": {"base64": b64encode(data).decode()}}).encode() for data in bombs().values()]


def worst_searches() -> list[bytes]:
    """Return searches that make the service work as much as the interface allows."""
    ids = [f"item-{number}" for number in range(1000)]
    searches: list[dict[str, object]] = [
        {"text": "a", "k": 200, "offset": 800, "max_similarity": 1},
        {"text": "a", "k": 200, "offset": 800, "max_similarity": 0.05},
        {"text": "a", "k": 200, "offset": 800, "group_by": "colour"},
        {"text": "a", "k": 200, "offset": 800, "group_by": "price", "max_similarity": 0.9},
        {"text": "a", "k": 200, "offset": 9_800},
        {"text": "a", "k": 200, "exclude_ids": ids},
        {"text": "a", "k": 200, "filter": {"colour": ids}},
        {"text": "a", "k": 200, "filter": {"price": {"gte": 0}}, "facets": ["colour", "price", "category"]},
        {"text": "x" * 500, "k": 200},
    ]
    return [json.dumps(search).encode() for search in searches]


def many_at_once() -> list[bytes]:
    """Return bodies of POST /searches with many of the worst searches."""
    searches = [json.loads(search) for search in worst_searches()]
    return [json.dumps({"searches": (searches * 4)[:32]}).encode()]


def large_bodies() -> list[bytes]:
    """Return a body of POST /searches of 30 MB, mostly of noise as images."""
    noise = b64encode(np.random.default_rng(0).bytes(7_000_000)).decode()
    return [json.dumps({"searches": [{"image": {"base64": noise}}] * 3}).encode()]


async def idle(target: Target) -> None:
    """Opens connections that send nothing."""
    await repeated(CONNECTIONS, lambda: target.trickle(b"", 3600))


async def slow_heads(target: Target) -> None:
    """Opens connections whose head never ends."""
    await repeated(CONNECTIONS // 4, lambda: target.trickle(b"POST /search HTTP/1.1\r\nX-Slow: ", 1))


async def slow_bodies(target: Target) -> None:
    """Opens connections whose body comes byte by byte."""
    head = target.head("POST", "/search", 1_000_000)
    await repeated(CONNECTIONS // 10, lambda: target.trickle(head, 1))


async def slow_readers(target: Target) -> None:
    """Requests large answers and reads none of them."""
    await repeated(CONNECTIONS // 20, lambda: target.deaf(target.head("GET", "/openapi.json", None)))


ATTACKS: dict[str, Attack | None] = {
    "none": None,
    "images that decode for minutes, 4 at once": posts(4, "/search", bomb_searches),
    "the worst searches, 4 at once": posts(4, "/search", worst_searches),
    "32 of the worst in one call, 2 at once": posts(2, "/searches", many_at_once),
    "text searches, 32 at once": posts(32, "/search", lambda: [b'{"text": "a red dress"}']),
    "bodies of 28 MB, 4 at once": posts(4, "/searches", large_bodies),
    "`/openapi.json`, 16 at once": gets(16, "/openapi.json"),
    "broken JSON, 16 at once": posts(16, "/search", lambda: [b"[" * 100_000, b'{"text": ' + b"1" * 100_000 + b"}"]),
    "2 000 idle connections": idle,
    "500 heads, a byte a second": slow_heads,
    "200 bodies, a byte a second": slow_bodies,
    "100 callers that read nothing": slow_readers,
}
