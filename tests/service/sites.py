"""Image servers that behave as a test needs, a resolver that leads to them, and a downloader."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from service.images import url_policy
from service.images.download import ImageDownloader, Unfetchable
from service.images.url_policy import CallerPolicy

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = ipaddress.ip_network("127.0.0.1/32")


def image_response(body: bytes, *, kind: str = "image/png", status: str = "200 OK", **headers: str) -> bytes:
    """Return the response of a correct server."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(to: str, status: int = 302) -> bytes:
    """Return a redirect."""
    return f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


class Site:
    """Server at 127.0.0.1: its answers by path, and the request heads that it received."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.answers: dict[str, bytes | Behaviour] = {}
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            answer = self.answers[head.split()[1]]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    def url(self, path: str = "/x.png", host: str = "cdn.example") -> str:
        return f"http://{host}:{self.port}{path}"


@asynccontextmanager
async def serve_site(
    *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.answer, address, port, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()


class Names:
    """Resolver of test names: each look-up of a name gives the next of its answers."""

    def __init__(self, known: Mapping[str, Sequence[Sequence[str]]] | None = None) -> None:
        self.known = {"cdn.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]} if known is None else known
        self.lookups: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        answers = self.known.get(host)
        if answers is None:
            raise OSError("unknown name")
        self.lookups.append(host)
        return answers[min(self.lookups.count(host), len(answers)) - 1]


@asynccontextmanager
async def downloading(
    site: Site,
    resolve: Callable[[str, int], Sequence[str]] | None = None,
    *,
    max_bytes: int = 100_000,
    timeout_s: float = 3.0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ImageDownloader]:
    hosts = url_policy.parse_hosts(f"*:{site.port}")
    policy = CallerPolicy(hosts, http=True, resolve=resolve or Names(), trusted=[LOOPBACK])
    async with ImageDownloader(policy, max_bytes=max_bytes, timeout_s=timeout_s, tls=tls) as downloader:
        yield downloader


async def refusal(downloader: ImageDownloader, url: str) -> str:
    """Return the reason why a URL cannot be fetched; the error names the URL and the field."""
    with pytest.raises(Unfetchable) as caught:
        await downloader.fetch(url)
    (field,) = caught.value.fields
    assert field["field"] == "image.url" and str(caught.value).endswith(f" cannot be fetched: {field['detail']}")
    assert ascii(url)[1:-1][:100] in str(caught.value)
    return field["detail"]
