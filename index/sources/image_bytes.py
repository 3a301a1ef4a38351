"""The bytes of a picture, and a fingerprint that tells later, without reading them, whether they can have changed."""

import http.client
import io
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from index.sources import fingerprint, object_stores
from index.sources.fingerprint import settled
from index.sources.rows import SourceRow
from models.errors import ImageTooLarge, UnreadableImage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_IMAGE_BYTES = 32 * 1024 * 1024
FETCH_TIMEOUT_S = 20.0
ETAG, MODIFIED = "etag:", "modified:"


@dataclass(frozen=True, slots=True)
class FetchedImage:
    """A picture's bytes; `fingerprint` is "" where nothing can tell a later change from none."""

    data: bytes
    fingerprint: str


def read_image(row: SourceRow, *, max_image_bytes: int = MAX_IMAGE_BYTES, timeout_s: float = FETCH_TIMEOUT_S) -> bytes:
    """The bytes of the row's picture, from disk, fetched or from a store.

    `timeout_s` bounds the whole fetch, redirects and all, but for names that are slow to resolve.

    Raises UnreadableImage where there is nothing to read, ImageTooLarge above the limit, and SourceError where the
    store's driver is not installed.
    """
    picture = read(row, unless="", max_image_bytes=max_image_bytes, timeout_s=timeout_s)
    assert picture is not None  # nothing was known that it could equal
    return picture.data


def read(
    row: SourceRow, *, unless: str, max_image_bytes: int = MAX_IMAGE_BYTES, timeout_s: float = FETCH_TIMEOUT_S
) -> FetchedImage | None:
    """The row's picture, or None where it still has the fingerprint `unless` ("" equals none); raises as read_image."""
    if row.problem:
        raise UnreadableImage(row.problem)
    if not row.image:
        raise UnreadableImage("the row names no image: fill its image column")
    if is_url(row.image):
        return _fetched(row.image, unless, max_image_bytes=max_image_bytes, timeout_s=timeout_s)
    if object_stores.is_store(row.image):
        found = object_stores.read(row.image, unless=unless, max_bytes=max_image_bytes)
        return None if found is None else FetchedImage(*found)
    if unchanged(row, unless):
        return None
    begun = time.time()
    try:
        with Path(row.image).open("rb") as file:
            status = os.fstat(file.fileno())  # before the bytes, so that it is never newer than they
            data = file.read(max_image_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise UnreadableImage(f"{row.image} cannot be read ({error}): check the path") from error
    mark = fingerprint.of_file(status) if settled(status.st_mtime, begun) else ""
    return FetchedImage(_capped(data, row.image, max_image_bytes), mark)


def unchanged(row: SourceRow, mark: str) -> bool:
    """Whether a file's status, or its store's listing, has the fingerprint; False where a network had to be asked."""
    if not mark or row.problem:
        return False
    if "://" in row.image:
        return row.fingerprint == mark
    try:
        return fingerprint.of_file(Path(row.image).stat()) == mark
    except (OSError, ValueError):
        return False


def is_url(image: str) -> bool:
    """True for what is fetched over the network."""
    return image.lower().startswith(("http://", "https://"))


def _fetched(url: str, unless: str, *, max_image_bytes: int, timeout_s: float) -> FetchedImage | None:
    headers = {"User-Agent": "likebut", "Accept": "image/*"}
    if unless.startswith(ETAG):
        headers["If-None-Match"] = unless.removeprefix(ETAG)
    elif unless.startswith(MODIFIED):
        headers["If-Modified-Since"] = unless.removeprefix(MODIFIED)
    end = time.monotonic() + timeout_s
    data = bytearray()
    try:
        with _opener(end).open(urllib.request.Request(url, headers=headers)) as response:
            mark = _validator(response.headers)
            if unless and mark == unless:
                return None  # a server that knows no conditions
            while len(data) <= max_image_bytes:
                part = response.read1(65536)
                if not part:
                    break
                data += part
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
        if isinstance(error, urllib.error.HTTPError) and error.code == http.HTTPStatus.NOT_MODIFIED and unless:
            error.close()
            return None
        raise UnreadableImage(f"{url} cannot be fetched ({error}): check the address") from error
    return FetchedImage(_capped(bytes(data), url, max_image_bytes), mark)


def _validator(headers: Message) -> str:
    """The answer's ETag, or else its Last-Modified where that is older than the answer by enough to be trusted."""
    if etag := headers.get("ETag", "").strip():
        return ETAG + etag
    modified = headers.get("Last-Modified", "").strip()
    try:
        times = [parsedate_to_datetime(text).timestamp() for text in (modified, headers.get("Date", ""))]
    except ValueError:
        return ""
    return MODIFIED + modified if settled(*times) else ""


class _Until(io.RawIOBase):
    """What a connection still gets until `end`: the timeout of a socket alone starts anew with every byte."""

    def __init__(self, got: io.RawIOBase, connection: socket.socket, end: float) -> None:
        self._got, self._connection, self._end = got, connection, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        self._connection.settimeout(_left(self._end))
        return self._got.readinto(buffer)

    def close(self) -> None:
        self._got.close()
        super().close()


def _left(end: float) -> float:
    """Seconds until `end`; raises TimeoutError where there are none."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("it did not come in time")
    return left


def _connects(kind: type[http.client.HTTPConnection], end: float) -> Callable[..., http.client.HTTPConnection]:
    """Makes connections of that kind that get nothing any more after `end`, be it head or body."""

    class Response(http.client.HTTPResponse):
        def __init__(
            self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
        ) -> None:
            super().__init__(sock, debuglevel, method, url)
            self.fp = io.BufferedReader(_Until(self.fp.detach(), sock, end))

    def connection(host: str, *, timeout: object) -> http.client.HTTPConnection:
        made = kind(host, timeout=_left(end))  # of each hop less than of the last; urllib's own is that of the first
        made.response_class = Response
        return made

    return connection


class _Http(urllib.request.HTTPHandler):
    def __init__(self, end: float) -> None:
        super().__init__()
        self._end = end

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connects(http.client.HTTPConnection, self._end), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, end: float) -> None:
        super().__init__()
        self._end = end

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connects(http.client.HTTPSConnection, self._end), req)


def _opener(end: float) -> urllib.request.OpenerDirector:
    """Opens http and https only, until `end` (of time.monotonic).

    The usual opener would follow a redirect to ftp, and read files.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(end),
        _Https(end),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _capped(data: bytes, name: str, max_image_bytes: int) -> bytes:
    if len(data) > max_image_bytes:
        raise ImageTooLarge(f"{name} has more than {max_image_bytes} bytes: make the image smaller")
    return data
