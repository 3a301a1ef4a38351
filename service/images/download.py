"""Pictures that a caller names by URL: fetched from allowed hosts at public addresses, within size and time.

Off unless an operator names hosts. A fetch has a place of its own in a pool of its own, so that a host that is slow
keeps no search waiting. Spoken in HTTP/1.1 by h11, which the server brings along: no proxy, cookie or
password of this process goes out, nothing is unpacked, and the address that was checked is the one that is asked.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import h11

from models import preprocess
from models.errors import InputError
from service.errors import Unusable
from service.images import url_policy
from service.images.public_addresses import Address, Network, is_public
from service.images.url_policy import Host, Location
from service.workers.pool import Permit as Held
from service.workers.pool import Pool

TIMEOUT_S = 3.0  # for all of it: names, connections, redirects, the body
CONNECT_S = 1.0  # for one address, where a name has several
REDIRECTS = 3
RESOLVERS, FETCHES = 8, 32  # names looked up at once, and pictures fetched at once
READ_BYTES = 16 * 1024
MIN_PIECE_BYTES, FREE_PIECES = 256, 1000  # a body in crumbs would keep the event loop from searches
SHOWN_CHARS = 200
MOVED = frozenset({301, 302, 303, 307, 308})

Resolve = Callable[[str, int], Sequence[str]]


class Unfetchable(Unusable):
    """A picture that is named by URL cannot be had, or may not be."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{shown(url)} cannot be fetched: {why}", fields=[{"field": "image.url", "detail": why}])


def shown(text: str) -> str:
    """Foreign text as a sentence may hold it: in plain letters, and not too long."""
    plain = ascii(text)[1:-1]
    return plain if len(plain) <= SHOWN_CHARS else f"{plain[:SHOWN_CHARS]}…"


def addresses(host: str, port: int) -> list[str]:
    """What the system's resolver knows of a name; blocks, and raises OSError or UnicodeError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class ImageDownloader:
    """Fetches pictures; `resolve`, `trusted` and `tls` are for whoever runs hosts of their own, as the tests do."""

    def __init__(
        self,
        allowed: Sequence[Host],
        *,
        http: bool,
        max_bytes: int,
        max_pixels: int,
        timeout_s: float = TIMEOUT_S,
        resolve: Resolve = addresses,
        trusted: Sequence[Network] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = tuple(allowed)
        self._http = http
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._trusted = tuple(trusted)
        self._tls = tls or ssl.create_default_context()
        self._pool = Pool("image fetch", workers=RESOLVERS, max_waiting=FETCHES - RESOLVERS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def fetch(self, url: str) -> bytes:
        """The file of a picture, its header checked; raises Unfetchable, and Overloaded where too many are fetched."""
        with self._pool.place() as held:
            try:
                async with asyncio.timeout(self._timeout_s):
                    data = await self._followed(url, held)
                    await held.run(lambda: preprocess.opened(data, max_pixels=self._max_pixels).close())
                    return data
            except TimeoutError as error:
                raise Unfetchable(url, f"it did not come within {self._timeout_s:g} s") from error
            except OSError as error:  # TLS and names that nobody knows, too
                raise Unfetchable(url, f"its host cannot be reached ({error.strerror or error})") from error
            except h11.ProtocolError as error:
                raise Unfetchable(url, f"its host does not speak HTTP as it should ({error})") from error
            except (ValueError, InputError) as error:
                raise Unfetchable(url, str(error)) from error

    async def _followed(self, url: str, held: Held) -> bytes:
        """The body that the URL leads to in the end, each step checked like the first."""
        at = url
        for _ in range(REDIRECTS + 1):
            try:
                location = url_policy.located(at, self._allowed, http=self._http)
                reached = await self._checked(location, held)
            except ValueError as error:
                raise ValueError(str(error) if at == url else f"it redirects to {shown(at)}, but {error}") from error
            reader, writer = await self._connected(location, reached)
            try:
                answered = await _answered(reader, writer, location, max_bytes=self._max_bytes)
            finally:
                writer.transport.abort()
            if isinstance(answered, bytes):
                return answered
            at = urljoin(at, answered)
        raise ValueError(f"it redirects more than {REDIRECTS} times")

    async def _checked(self, location: Location, held: Held) -> list[Address]:
        """The addresses of the host; raises ValueError unless every one is public."""
        if location.address is not None:
            found: list[Address] = [location.address]
        else:
            try:
                names = await held.run(lambda: self._resolve(location.host, location.port))
            except UnicodeError as error:
                raise ValueError("its host is no name of one") from error
            found = [ipaddress.ip_address(name) for name in dict.fromkeys(names)]
        if not all(is_public(address, trusted=self._trusted) for address in found):
            raise ValueError("its host is not a public one")
        return found

    async def _connected(
        self, location: Location, reached: Sequence[Address]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first of the addresses that takes one; raises OSError where none does."""
        secure = location.scheme == "https"
        failure = OSError("its name has no address")
        for number, address in enumerate(reached, start=1):
            try:
                async with asyncio.timeout(CONNECT_S if number < len(reached) else None):
                    return await asyncio.open_connection(
                        str(address),  # an address, so that nobody looks the name up again
                        location.port,
                        ssl=self._tls if secure else None,
                        server_hostname=location.host.strip("[]") if secure else None,
                        limit=READ_BYTES,
                    )
            except OSError as error:
                failure = error
        raise failure


async def _answered(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, location: Location, *, max_bytes: int
) -> bytes | str:
    """The body of the answer, or where it sends us instead; raises ValueError for one that is no picture's."""
    connection = h11.Connection(h11.CLIENT)
    headers = [
        ("Host", location.authority),
        ("User-Agent", "likebut"),
        ("Accept", "image/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    asked = connection.send(h11.Request(method="GET", target=location.target, headers=headers))
    writer.write((asked or b"") + (connection.send(h11.EndOfMessage()) or b""))
    await writer.drain()
    data = bytearray()
    pieces = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
            continue
        pieces += 1
        if pieces > FREE_PIECES + len(data) // MIN_PIECE_BYTES:
            raise ValueError("its host sends it in crumbs")
        if isinstance(event, h11.Response):
            moved = _moved(event)
            if moved is not None:
                return moved
            _check(event, max_bytes)
        elif isinstance(event, h11.Data):
            data += event.data
            if len(data) > max_bytes:
                raise ValueError(f"it has more than {max_bytes} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(data)


def _moved(response: h11.Response) -> str | None:
    """Where an answer sends us, None for one that does not."""
    if response.status_code not in MOVED:
        return None
    return _header(response, b"location")


def _check(response: h11.Response, max_bytes: int) -> None:
    """Raises ValueError for an answer whose head already says that it is no picture to be had."""
    if response.status_code != 200:
        raise ValueError(f"its host answered {response.status_code}")
    kind = _header(response, b"content-type") or "nothing"
    if not kind.lower().startswith("image/"):
        raise ValueError(f"its host says that it is {shown(kind)}, and no image")
    packed = _header(response, b"content-encoding") or "identity"
    if packed.lower() != "identity":
        raise ValueError(f"its host packed it ({shown(packed)}), which was not asked for")
    length = _header(response, b"content-length") or "0"
    if len(length) > 18 or int(length) > max_bytes:  # digits only, h11 saw to that
        raise ValueError(f"it has more than {max_bytes} bytes")


def _header(response: h11.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1").strip() for key, value in response.headers if key == name), None)
