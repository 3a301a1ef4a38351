"""Downloads an image over HTTP/1.1: within one deadline and a byte limit, and only from addresses that a policy allows.

No proxy, cookie or password of this process is used, and no compression is requested.
"""

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urljoin

import httpcore

from index.sources import content_encoding, fingerprint
from models.errors import InputError
from models.retry_after import retry_after_s

PORTS = {"http": 80, "https": 443}
CONNECT_S = 1.0  # for one address, if the name has more addresses to try
HEAD_BYTES = 256 * 1024  # for all that a host sends before the body, responses of status 1xx included
MIN_CHUNK_BYTES, FREE_CHUNKS = 256, 1000  # thousands of smaller chunks would take the processor from searches
PRINTABLE_CHARS = 200
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})  # and 5xx


class DownloadError(InputError):
    """An image cannot be downloaded; the text is the reason, without the URL."""


class DownloadTooLarge(DownloadError):
    """The image has more bytes than the limit."""


class HostFailure(DownloadError):
    """The host does not deliver the image, which may be there all the same.

    `transient`: it may deliver it soon, after `retry_after_s` if it names a time. `late`: it took too long.
    """

    def __init__(self, reason: str, *, transient: bool = True, late: bool = False, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.transient, self.late, self.retry_after_s = transient, late, retry_after_s


@dataclass(frozen=True, slots=True)
class FetchedImage:
    """Bytes of an image file; `fingerprint` is "" if a later change could not be detected."""

    data: bytes
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Location:
    """Parts of a URL that a request needs, all in ASCII."""

    scheme: str
    host: str  # in lower case; an IPv6 address in brackets
    port: int
    target: str  # path and query

    @property
    def authority(self) -> str:
        """Value of the Host header."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"


class DownloadPolicy(Protocol):
    """Rules for the first URL and for each redirect. Every method raises ValueError with the reason of a refusal."""

    max_redirects: int

    def locate(self, url: str) -> Location:
        """Split an allowed URL."""

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve a host to the IP addresses to connect to, in the order to try them; may also raise OSError."""

    def check(self, headers: Mapping[str, str]) -> None:
        """Check the headers of a response of status 200; names are in lower case."""


class Downloader:
    """Downloads images under one policy; may be used from many threads."""

    def __init__(self, policy: DownloadPolicy, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls` verifies the hosts' certificates; the default trusts the authorities of the system."""
        self._policy = policy
        self._tls = tls or ssl.create_default_context()

    def download(self, url: str, *, max_bytes: int, timeout_s: float, unless: str = "") -> FetchedImage | None:
        """Download the image at the URL, or return None if it still has the fingerprint `unless` ("" equals none).

        `timeout_s` bounds everything together: connections, TLS, redirects, headers and body. Only the system's
        resolver cannot be interrupted. Raises DownloadError: DownloadTooLarge above the limit, HostFailure if another
        attempt may succeed.
        """
        deadline_s = time.monotonic() + timeout_s
        try:
            return self._follow(url, max_bytes=max_bytes, deadline_s=deadline_s, unless=unless)
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise HostFailure(f"it did not come within {timeout_s:g} s", late=True) from error
        except (OSError, httpcore.NetworkError) as error:  # failures of TLS and of name resolution, too
            raise HostFailure(f"its host cannot be reached ({error})") from error
        except httpcore.ProtocolError as error:
            raise HostFailure(f"its host sends invalid HTTP ({error})") from error
        except EOFError as error:
            raise HostFailure(str(error)) from error
        except ValueError as error:
            raise DownloadError(str(error)) from error

    def _follow(self, url: str, *, max_bytes: int, deadline_s: float, unless: str) -> FetchedImage | None:
        current = url
        for _ in range(self._policy.max_redirects + 1):
            try:
                result = self._request(current, max_bytes=max_bytes, deadline_s=deadline_s, unless=unless)
            except _Gone as error:
                raise ValueError(error if current == url else f"{_redirected(current)} {error}") from error
            except ValueError as error:
                if current == url:
                    raise
                raise HostFailure(f"{_redirected(current)} {error}", transient=False) from error
            except HostFailure as error:
                if current != url:
                    error.args = (f"{_redirected(current)} {error}",)
                raise
            if not isinstance(result, str):
                return result
            current = result
        raise HostFailure(f"it redirects more than {self._policy.max_redirects} times", transient=False)

    def _request(self, url: str, *, max_bytes: int, deadline_s: float, unless: str) -> FetchedImage | str | None:
        """Send one request; return the image, the URL of a redirect, or None if the image is unchanged."""
        location = self._policy.locate(url)
        target = httpcore.URL(
            scheme=location.scheme, host=location.host.strip("[]"), port=location.port, target=location.target
        )
        headers = {
            "Host": location.authority,
            "User-Agent": "likebut",
            "Accept": "image/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        } | fingerprint.conditions(unless)
        backend = LimitedBackend(self._policy, deadline_s=deadline_s)
        with (
            httpcore.HTTPConnection(target.origin, ssl_context=self._tls, network_backend=backend) as connection,
            connection.stream("GET", target, headers=_encoded(headers)) as response,
        ):
            answer = _decoded(response.headers)
            if response.status in REDIRECTS and "location" in answer:
                return _joined(url, answer["location"].encode("latin-1").decode("utf-8", "surrogateescape"))
            if response.status == 304 and unless:
                return None
            if response.status in GONE:
                raise _Gone(f"its host answered {response.status}")
            if response.status != 200:
                transient = response.status in TRANSIENT or response.status >= 500
                wait_s = retry_after_s(answer.get("retry-after", ""))
                raise HostFailure(f"its host answered {response.status}", transient=transient, retry_after_s=wait_s)
            self._policy.check(answer)
            current = fingerprint.of_response(answer)
            if unless and current == unless:
                return None  # from a server that ignores conditions
            if int(answer.get("content-length", "0")) > max_bytes:  # only digits: the connection has checked that
                raise DownloadTooLarge(f"it has more than {max_bytes} bytes")
            backend.max_received += 2 * max_bytes  # the body and its framing
            data = content_encoding.unpacked(_body(response, max_bytes), answer, max_bytes=max_bytes)
            if len(data) > max_bytes:
                raise DownloadTooLarge(f"it has more than {max_bytes} bytes")
            return FetchedImage(data, current)


class _Gone(ValueError):
    """The host says that nothing is there."""


def _redirected(url: str) -> str:
    return f"it redirects to {printable(url)}, but"


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise HostFailure(f"it redirects to no address ({error})", transient=False) from error


class LimitedBackend(httpcore.NetworkBackend):
    """Connects to addresses that a policy allows, and ends each read and write at one deadline and one byte limit.

    httpcore's own timeouts begin anew with each read, so a host that sends single bytes would never reach them. The
    address that was checked is the address that is connected: no second look-up, and thus no DNS rebinding.
    """

    def __init__(self, policy: DownloadPolicy, *, deadline_s: float) -> None:
        """`deadline_s` is a time of time.monotonic."""
        self.max_received = HEAD_BYTES
        self._received = 0
        self._policy = policy
        self._deadline_s = deadline_s
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that accepts; the parameters beside host and port are unused."""
        addresses = self._policy.addresses(host, port)
        failure: Exception = OSError("its name has no address")
        for number, address in enumerate(addresses, start=1):
            limit_s = self.left_s() if number == len(addresses) else min(CONNECT_S, self.left_s())
            try:
                return _LimitedStream(self._sockets.connect_tcp(address, port, timeout=limit_s), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def left_s(self) -> float:
        """Return the seconds until the deadline; raises TimeoutError if none are left."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the deadline has passed")
        return left_s

    def count(self, received: int) -> None:
        """Count received bytes; raises HostFailure above the limit."""
        self._received += received
        if self._received > self.max_received:
            raise HostFailure("its host sends too many bytes beside the image", transient=False)


class _LimitedStream(httpcore.NetworkStream):
    """Connection that keeps the limits of its backend."""

    def __init__(self, stream: httpcore.NetworkStream, backend: LimitedBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._backend.left_s())
        self._backend.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            left_s = self._backend.left_s()
        except TimeoutError:
            self.close()  # httpcore closes only connections that are complete
            raise
        return _LimitedStream(self._stream.start_tls(ssl_context, server_hostname, left_s), self._backend)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def printable(text: str) -> str:
    """Return text of others as an error sentence may contain it: in ASCII, and not too long."""
    plain = ascii(text)[1:-1]
    return plain if len(plain) <= PRINTABLE_CHARS else f"{plain[:PRINTABLE_CHARS]}…"


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]


def _decoded(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by their names in lower case; the first of a name counts."""
    return {name.decode("ascii").lower(): value.decode("latin-1").strip() for name, value in reversed(headers)}


def _body(response: httpcore.Response, max_bytes: int) -> bytes:
    data = bytearray()
    for number, chunk in enumerate(response.iter_stream(), start=1):
        data += chunk
        if len(data) > max_bytes:
            raise DownloadTooLarge(f"it has more than {max_bytes} bytes")
        if number > FREE_CHUNKS + len(data) // MIN_CHUNK_BYTES:
            raise HostFailure("its host sends the body in too many small chunks", transient=False)
    return bytes(data)
