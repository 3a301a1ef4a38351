"""Files and folders that appear whole or not at all, their digests, and locks between processes."""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import LikebutError

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.part(\.[^.]+)?")


def write(path: Path, data: bytes | bytearray | str) -> None:
    """Replaces the file at `path`, whole or not at all, even after a power cut; text is written as UTF-8."""
    with replacing(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary file beside `path`, and renames it to `path` once it is on the disk.

    Every writer has a name of its own. After an error the temporary file is removed and `path` is unchanged.
    """
    with replacing_unsynced(path) as part:
        yield part
        sync(part)
    sync(path.parent)


@contextmanager
def replacing_unsynced(path: Path) -> Iterator[Path]:
    """Does the same without waiting for the disk, for many small files: whole after a kill, not after a power cut."""
    part = _temporary(path)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`, and renames it to `path` once all its files are on the disk."""
    with temporary_folder(path) as folder:
        yield folder
        settle(folder, path)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`; removed at the end, unless it was renamed."""
    folder = _temporary(path)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settle(folder: Path, path: Path) -> None:
    """Renames a folder to `path` once all that is in it is on the disk; `path` must be absent or an empty folder."""
    sync_tree(folder)
    folder.rename(path)
    sync(path.parent)


def sync_tree(folder: Path) -> None:
    """Returns when a folder with all that is in it is on the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            sync(Path(parent) / name)
        sync(Path(parent))


def is_temporary(path: Path) -> bool:
    """Tell whether a file or folder is one that a killed process may have left beside its target."""
    return TEMPORARY.fullmatch(path.name) is not None


def sync(path: Path) -> None:
    """Returns when the file, or the list of names in the folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(path: Path, *, timeout_s: float, busy: LikebutError) -> Iterator[None]:
    """Holds the lock file at `path`, which stays there; the lock of a killed process is free again.

    Raises `busy` if another process holds the lock for longer than `timeout_s`.
    """
    from filelock import FileLock, Timeout  # slow to import

    path.parent.stat()  # raises if there is no such folder, which FileLock would create
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=timeout_s)
    except Timeout as error:
        raise busy from error
    try:
        yield
    finally:
        lock.release()


def _temporary(path: Path) -> Path:
    """A name beside `path` with its suffix, since NumPy and others go by that."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(8)}.part{path.suffix}")
