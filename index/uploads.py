"""Uploaded images and tables on disk, each in a file named by the SHA-256 of its bytes."""

import hashlib
import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from index.sources.image_bytes import UPLOADED
from models import files
from models.errors import GalleryError

FOLDER = "uploaded"
TABLES = "tables"
YOUNG_S = 3600.0  # an image is written before its item, and must not be removed in between


def path_of_content(gallery: Path, content: str) -> Path:
    """The path of the uploaded image whose bytes have that SHA-256."""
    return gallery.resolve() / FOLDER / content[:2] / content


def local_uri(gallery: Path, uri: str) -> str:
    """The address of an image; of an uploaded one the path in this folder, even if the gallery was moved since."""
    uploaded = UPLOADED.search(uri)
    if uploaded is None:
        return uri
    path = path_of_content(gallery, uploaded[2])
    return str(path) if path.exists() else uri  # items imported from another gallery name images there


def store(gallery: Path, data: bytes, content: str) -> Path:
    """Writes an image with that SHA-256 and returns its path; it is on the disk when this returns.

    A file that is there is left, unless its bytes are damaged.
    """
    path = path_of_content(gallery, content)
    _write(path, data, content, otherwise="put the item again")
    return path


def store_table(gallery: Path, data: bytes | bytearray, suffix: str) -> Path:
    """Writes a table and returns its path; it is on the disk when this returns. Raises GalleryError."""
    content = hashlib.sha256(data).hexdigest()
    path = gallery.resolve() / TABLES / f"{content}{suffix}"
    _write(path, bytes(data), content, otherwise="send the table again")
    return path


def _write(path: Path, data: bytes, content: str, *, otherwise: str) -> None:
    with suppress(OSError):
        os.utime(path)  # young again, so that a `remove_unused` that runs now leaves it
        if path.stat().st_size == len(data) and files.digest(path) == content:
            return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, data)
        for parent in (path.parent.parent, path.parent.parent.parent):  # their names may be new too
            files.sync(parent)
    except OSError as error:
        raise GalleryError(f"{path} cannot be written ({error}): make room, and {otherwise}") from error


def remove_unused_tables(gallery: Path, sources: Collection[str], *, older_s: float = YOUNG_S) -> None:
    """Removes the uploaded tables that none of the sources is, unless they are younger than `older_s`."""
    _remove_others((gallery / TABLES).glob("*"), sources, older_s)


def remove_unused(gallery: Path, used: Collection[str], *, older_s: float = YOUNG_S) -> None:
    """Removes the images that no uri in `used` names, unless they are younger than `older_s`."""
    _remove_others((gallery / FOLDER).glob("*/*"), used, older_s)


def _remove_others(paths: Iterable[Path], used: Collection[str], older_s: float) -> None:
    # by name, which is the content's hash: the gallery may have been moved since they were stored
    names = {uri.rpartition("/")[2] for uri in used}
    latest = time.time() - older_s
    for path in paths:
        if path.name not in names and path.stat().st_mtime < latest:
            path.unlink(missing_ok=True)
