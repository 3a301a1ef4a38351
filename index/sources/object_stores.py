"""Pictures, tables and folders in a store: whatever fsspec has a driver for, named by a URL such as s3://shop/a.png."""

import os
import posixpath
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Protocol

from index.sources import fingerprint
from models.errors import ImageTooLarge, SourceError, UnreachableImage, UnreadableImage

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
WAY_OUT = "check the address and the credentials"
COPIED_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Object:
    """A file in a store: its path below the folder that was listed, its URL, and its fingerprint."""

    name: str
    url: str
    fingerprint: str


class _System(Protocol):
    """The part that is used of fsspec's file systems."""

    def info(self, path: str) -> dict[str, object]: ...
    def find(self, path: str, *, detail: bool) -> dict[str, dict[str, object]]: ...
    def open(self, path: str, mode: str) -> IO[bytes]: ...
    def cat_file(self, path: str) -> bytes: ...
    def pipe_file(self, path: str, value: bytes) -> None: ...
    def makedirs(self, path: str, exist_ok: bool) -> None: ...
    def put_file(self, lpath: str, rpath: str) -> None: ...
    def rm_file(self, path: str) -> None: ...
    def modified(self, path: str) -> datetime: ...
    def unstrip_protocol(self, name: str) -> str: ...
    def invalidate_cache(self) -> None: ...


def is_store(source: str) -> bool:
    """True for a URL of any scheme but http and https, which are fetched without fsspec."""
    return SCHEME.match(source) is not None and not source.lower().startswith(("http://", "https://"))


def is_folder(url: str) -> bool:
    """True for a folder, false for a file; raises SourceError if nothing can be read."""
    with _translate_errors(url):
        system, path = _opened(url)
        return system.info(path)["type"] == "directory"


def objects(folder: str) -> list[Object]:
    """All files below a folder; raises SourceError."""
    read_s = time.time()
    with _translate_errors(folder):
        system, path = _opened(folder)
        system.invalidate_cache()  # of an earlier listing in this process
        found = system.find(path, detail=True)
        start = len(path.rstrip("/")) + 1
        return [
            Object(name[start:], system.unstrip_protocol(name), fingerprint.of_object(info, read_s=read_s))
            for name, info in found.items()
        ]


def names(folder: str) -> list[str]:
    """The names of the files of a folder, none if there is no such folder; raises SourceError."""
    try:
        return [each.name for each in objects(folder) if "/" not in each.name]
    except SourceError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return []
        raise


def sizes(folder: str) -> dict[str, int]:
    """The names of the files of a folder with their bytes, none if there is no such folder; raises SourceError."""
    try:
        with _translate_errors(folder):
            system, path = _opened(folder)
            system.invalidate_cache()  # of an earlier listing in this process
            found = system.find(path, detail=True)
    except SourceError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return {}
        raise
    start = len(path.rstrip("/")) + 1
    return {name[start:]: int(f"{info['size']}") for name, info in found.items() if "/" not in name[start:]}


def write(url: str, data: bytes) -> None:
    """Writes a file, whole or not at all in stores whose writes are atomic, as those of S3; raises SourceError."""
    with _translate_errors(url, "written"):
        system, path = _opened(url)
        system.makedirs(posixpath.dirname(path), exist_ok=True)
        system.pipe_file(path, data)


def send(local: str, url: str) -> None:
    """Writes a local file of any size as `write` does; raises SourceError."""
    with _translate_errors(url, "written"):
        system, path = _opened(url)
        system.makedirs(posixpath.dirname(path), exist_ok=True)
        system.put_file(local, path)


def append(url: str, target: IO[bytes]) -> None:
    """Writes to the end of a local file what it lacks of a file in a store; raises SourceError.

    After an error the local file has the beginning of the other, and the next call goes on there.
    """
    with _translate_errors(url):
        system, path = _opened(url)
        source = system.open(path, "rb")
    with source:
        source.seek(target.seek(0, os.SEEK_END))
        while True:
            with _translate_errors(url):
                data = source.read(COPIED_BYTES)
            if not data:
                return
            target.write(data)  # whose errors are of this disk


def remove(url: str) -> None:
    """Removes a file; raises SourceError."""
    with _translate_errors(url, "removed"):
        system, path = _opened(url)
        system.rm_file(path)


def age_s(url: str) -> float:
    """Seconds since a file was written, by the store's clock; raises SourceError."""
    with _translate_errors(url):
        system, path = _opened(url)
        return time.time() - system.modified(path).timestamp()


@contextmanager
def copied(url: str) -> Iterator[IO[bytes]]:
    """A file as a temporary one on this disk, so that its reader meets no error of a network; raises SourceError."""
    with tempfile.TemporaryFile() as local:
        with _translate_errors(url):
            system, path = _opened(url)
            with system.open(path, "rb") as file:
                shutil.copyfileobj(file, local)
        local.seek(0)
        yield local


def read(url: str, *, unless: str, max_bytes: int) -> tuple[bytes, str] | None:
    """An image's bytes and its fingerprint, or None if the fingerprint is `unless`.

    Raises UnreadableImage if there is no such object, UnreachableImage if the store does not deliver it, ImageTooLarge,
    and SourceError if the driver is not installed.
    """
    too_large = ImageTooLarge(f"{url} has more than {max_bytes} bytes: make the image smaller")
    read_s = time.time()
    try:
        system, path = _opened(url)
        info = system.info(path)  # before the bytes, so that the fingerprint is never newer than they
        mark = fingerprint.of_object(info, read_s=read_s)
        if unless and mark == unless:
            return None
        size = info.get("size")
        if isinstance(size, int) and size > max_bytes:
            raise too_large
        data = system.cat_file(path)
    except (SourceError, ImageTooLarge):
        raise
    except Exception as error:
        absent = isinstance(error, FileNotFoundError | IsADirectoryError)
        kind = UnreadableImage if absent else UnreachableImage
        raise kind(f"{url} cannot be read ({_message(error)}): {WAY_OUT}") from error
    if len(data) > max_bytes:
        raise too_large
    return data, mark


def joined(folder: str, name: str) -> str:
    """The URL of a name relative to a folder's URL; an absolute path stays one."""
    scheme, _, path = folder.partition("://")
    return name if name.startswith("/") else f"{scheme}://{posixpath.normpath(posixpath.join(path, name))}"


@contextmanager
def _translate_errors(url: str, cannot_be: str = "read") -> Iterator[None]:
    """Raises SourceError for any error of a driver; each driver has error types of its own."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{url} cannot be {cannot_be} ({_message(error)}): {WAY_OUT}") from error


def _opened(url: str) -> tuple[_System, str]:
    """fsspec's file system and the path in it; raises SourceError if a package is missing."""
    if "::" in url:
        raise SourceError(f"{url} chains stores with '::': name one store")
    try:
        from fsspec.core import url_to_fs  # optional: only a store needs it
    except ImportError as error:
        raise SourceError(f"{url} takes the package fsspec: install likebut[stores]") from error
    try:
        system, path = url_to_fs(url)
    except ImportError as error:  # whose words name the package
        raise SourceError(f"{url} takes a driver that is not there ({error}): install that package too") from error
    return system, path


def _message(error: Exception) -> str:
    return f"{error}" or type(error).__name__
