"""Bytes of an item's image, from disk, a URL or a store, with a fingerprint that detects a later change."""

import errno
import functools
import hashlib
import ipaddress
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from index.sources import fingerprint, object_stores
from index.sources.download import (
    PORTS,
    Downloader,
    DownloadError,
    DownloadTooLarge,
    FetchedImage,
    HostFailure,
    Location,
)
from index.sources.public_addresses import is_public, resolve
from index.sources.rows import SourceRow
from models.errors import ImageTooLarge, LateImage, PrivateHost, UnreachableImage, UnreadableImage

MAX_IMAGE_BYTES = 32 * 1024 * 1024
FETCH_TIMEOUT_S = 20.0
MAX_REDIRECTS = 10
ALLOW_PRIVATE = "let an operator build the gallery, or set LIKEBUT_ALLOW_PRIVATE_HOSTS"
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})  # no file is there
Attempt: TypeAlias = Callable[[], FetchedImage | None]
Retry: TypeAlias = Callable[[str, Attempt], FetchedImage | None]  # gets the URL

UPLOADED = re.compile(r"/uploaded/([0-9a-f]{2})/(\1[0-9a-f]{62})$")  # a file that is named by the SHA-256 of its bytes
HOST_STORES = ("dask", "ftp", "hdfs", "jlab", "jupyter", "sftp", "smb", "ssh", "webdav", "webhdfs")  # URLs name a host
PAGE_BYTES = 256
PAGE = re.compile(rb"\s*<(!doctype html|html|head|body)", re.IGNORECASE)
NO_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
URL_SIGNS = "!$%&'()*+,/:;=?@[]~"  # not percent-encoded in a path or query; % itself begins what is encoded already


def read_image(
    row: SourceRow,
    *,
    max_image_bytes: int = MAX_IMAGE_BYTES,
    timeout_s: float = FETCH_TIMEOUT_S,
    private_hosts: bool = True,
) -> bytes:
    """Read the bytes of the row's image from disk, a URL or a store.

    `timeout_s` bounds a whole download, redirects included, but not a slow name resolution.

    Raises UnreadableImage if there is nothing to read, UnreachableImage if there may be something at another moment,
    PrivateHost for a private address without `private_hosts`, ImageTooLarge above the limit, and SourceError if the
    driver of the store is not installed.
    """
    image = read_if_changed(
        row, unless="", max_image_bytes=max_image_bytes, timeout_s=timeout_s, private_hosts=private_hosts
    )
    assert image is not None  # no image has the fingerprint ""
    return image.data


def once(url: str, attempt: Attempt) -> FetchedImage | None:
    """Makes one attempt to download."""
    return attempt()


def read_if_changed(
    row: SourceRow,
    *,
    unless: str,
    max_image_bytes: int = MAX_IMAGE_BYTES,
    timeout_s: float = FETCH_TIMEOUT_S,
    retry: Retry = once,
    private_hosts: bool = True,
) -> FetchedImage | None:
    """Read the row's image, or return None if it still has the fingerprint `unless`; raises as read_image does.

    `retry` makes the attempts to download it, each within `timeout_s`. Without `private_hosts`, only hosts with public
    addresses are asked for it.
    """
    if row.problem:
        raise UnreadableImage(row.problem)
    if not row.image:
        raise UnreadableImage("the row names no image: fill its image column")
    if is_url(row.image):
        downloader = _downloader(private_hosts=private_hosts)

        def attempt() -> FetchedImage | None:
            return downloader.download(row.image, max_bytes=max_image_bytes, timeout_s=timeout_s, unless=unless)

        return _download(row.image, attempt, max_image_bytes, retry)
    if object_stores.is_store(row.image):
        if not private_hosts and row.image.lower().startswith(tuple(f"{scheme}:" for scheme in HOST_STORES)):
            raise PrivateHost(f"{row.image} names a host that may be private: {ALLOW_PRIVATE}")
        stored = object_stores.read(row.image, unless=unless, max_bytes=max_image_bytes)
        return None if stored is None else FetchedImage(*stored)
    if unchanged(row, unless):
        return None
    return _read_file(row.image, max_image_bytes)


def unchanged(row: SourceRow, mark: str) -> bool:
    """Return whether a file's status, or the listing of its store, has the fingerprint; sends no request."""
    if not mark or row.problem:
        return False
    if "://" in row.image:
        return row.fingerprint == mark
    try:
        return fingerprint.of_file(Path(row.image).stat()) == mark
    except (OSError, ValueError):
        return False


def is_url(image: str) -> bool:
    """Return whether the image is downloaded over HTTP."""
    return image.lower().startswith(("http://", "https://"))


def host(image: str) -> str:
    """Return the host, or the store, that an image comes from; "" for one on disk."""
    try:
        return urlsplit(image).netloc.lower() if "://" in image else ""
    except ValueError:
        return "invalid"


class PrivateAddress(ValueError):
    """A host has an address that is not public."""


class OperatorPolicy:
    """Policy for URLs in a source: any host, and any address if an operator chose the source.

    Paths may contain spaces and other letters than ASCII, and hosts may be international names, as browsers allow.
    """

    max_redirects = MAX_REDIRECTS

    def __init__(self, *, private_hosts: bool) -> None:
        """`private_hosts` allows hosts at private addresses, of this machine too."""
        self._private_hosts = private_hosts

    def locate(self, url: str) -> Location:
        """Split a URL and percent-encode it."""
        parts = urlsplit(url.strip())
        if parts.scheme not in PORTS:
            raise ValueError("only http and https URLs are downloaded")
        host = parts.hostname or ""
        if not host or "@" in parts.netloc:
            raise ValueError("write the URL as https://host/path, without a user name")
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        target = _quoted(parts.path or "/") + (f"?{_quoted(parts.query)}" if parts.query else "")
        port = PORTS[parts.scheme] if parts.port is None else parts.port
        return Location(parts.scheme, f"[{host}]" if ":" in host else host, port, target)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve a host; raises PrivateAddress for a private one that is not allowed."""
        addresses = resolve(host, port)
        if not self._private_hosts and not all(is_public(ipaddress.ip_address(address)) for address in addresses):
            raise PrivateAddress(f"its host is not a public one; {ALLOW_PRIVATE}")
        return addresses

    def check(self, headers: Mapping[str, str]) -> None:
        """Accept any headers: many servers of images declare no type or a wrong one."""


def _quoted(text: str) -> str:
    return quote(NO_ESCAPE.sub("%25", text), safe=URL_SIGNS, errors="surrogateescape")


@functools.cache
def _downloader(*, private_hosts: bool) -> Downloader:
    return Downloader(
        OperatorPolicy(private_hosts=private_hosts)
    )  # once a process, since it loads the certificates of the system


def _download(url: str, attempt: Attempt, max_image_bytes: int, retry: Retry) -> FetchedImage | None:
    try:
        image = retry(url, attempt)
    except DownloadTooLarge as error:
        raise _too_large(url, max_image_bytes) from error
    except HostFailure as error:
        kind = LateImage if error.late else UnreachableImage
        raise kind(f"{url} cannot be fetched ({error}): check the address and its host") from error
    except DownloadError as error:
        refused = PrivateHost if _has_cause(error, PrivateAddress) else UnreadableImage
        raise refused(f"{url} cannot be fetched ({error}): check the address") from error
    if image is not None and PAGE.match(image.data[:PAGE_BYTES]):
        raise UnreadableImage(f"{url} is a web page and not an image: name the address of the image itself")
    return image


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    cause = error.__cause__
    return cause is not None and (isinstance(cause, kind) or _has_cause(cause, kind))


def _read_file(path: str, max_image_bytes: int) -> FetchedImage:
    begin_s = time.time()
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # to open a pipe or a device might never end
            raise UnreadableImage(f"{path} is no regular file: name an image file")
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())  # before the bytes, so that it is never newer than they are
            data = file.read(max_image_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        absent = isinstance(error, ValueError) or error.errno in ABSENT
        kind = UnreadableImage if absent else UnreachableImage
        raise kind(f"{path} cannot be read ({error}): check the path") from error
    if len(data) > max_image_bytes:
        raise _too_large(path, max_image_bytes)
    uploaded = UPLOADED.search(path)
    if uploaded is not None and hashlib.sha256(data).hexdigest() != uploaded[2]:
        raise UnreadableImage(f"{path} is damaged, since its bytes are not those of its name: put its item again")
    settled = fingerprint.settled(status.st_mtime, begin_s)
    return FetchedImage(data, fingerprint.of_file(status) if settled else "")


def _too_large(name: str, max_image_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(f"{name} has more than {max_image_bytes} bytes: make the image smaller")
