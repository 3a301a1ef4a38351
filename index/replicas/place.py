"""A place that snapshots are pushed to: a folder that all machines reach, or a folder's URL in a store."""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

from index.sources import object_stores
from models import files
from models.errors import SourceError

FILE = "file://"
WAY_OUT = "check the path and its rights"


class Place(Protocol):
    """Files by their names below the place, such as `files/<sha256>`; each method raises SourceError."""

    name: str

    def sizes(self, folder: str) -> Mapping[str, int]:
        """The names of the files of one of its folders with their bytes, none if there is no such folder."""

    def read(self, file: str) -> bytes:
        """The bytes of a small file."""

    def append(self, file: str, target: IO[bytes]) -> None:
        """Writes to the end of a local file what it lacks of a file here."""

    def write(self, file: str, data: bytes) -> None:
        """Writes a small file, whole or not at all."""

    def send(self, local: Path, file: str) -> None:
        """Writes a local file of any size, whole or not at all."""

    def remove(self, file: str) -> None:
        """Removes a file."""

    def age_s(self, file: str) -> float:
        """Seconds since a file was written."""


def parse(name: str) -> Place:
    """The place of that name: a path, `file://…`, or a URL that fsspec has a driver for."""
    if name.lower().startswith(FILE):
        return FolderPlace(Path(name[len(FILE) :]))
    if object_stores.is_store(name):
        return StorePlace(name.rstrip("/"))
    return FolderPlace(Path(name))


class StorePlace:
    """A folder in a store, by its URL."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sizes(self, folder: str) -> Mapping[str, int]:
        return object_stores.sizes(f"{self.name}/{folder}")

    def read(self, file: str) -> bytes:
        with object_stores.copied(f"{self.name}/{file}") as copy:
            return copy.read()

    def append(self, file: str, target: IO[bytes]) -> None:
        object_stores.append(f"{self.name}/{file}", target)

    def write(self, file: str, data: bytes) -> None:
        object_stores.write(f"{self.name}/{file}", data)

    def send(self, local: Path, file: str) -> None:
        object_stores.send(str(local), f"{self.name}/{file}")

    def remove(self, file: str) -> None:
        object_stores.remove(f"{self.name}/{file}")

    def age_s(self, file: str) -> float:
        return object_stores.age_s(f"{self.name}/{file}")


class FolderPlace:
    """A folder of a file system."""

    def __init__(self, path: Path) -> None:
        self.name = str(path.absolute())
        self._path = path

    def sizes(self, folder: str) -> Mapping[str, int]:
        try:
            with os.scandir(self._path / folder) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if _is_whole(entry)}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SourceError(f"{self._path / folder} cannot be read ({error}): {WAY_OUT}") from error

    def read(self, file: str) -> bytes:
        try:
            return (self._path / file).read_bytes()
        except OSError as error:
            raise SourceError(f"{self._path / file} cannot be read ({error}): {WAY_OUT}") from error

    def append(self, file: str, target: IO[bytes]) -> None:
        try:
            source = (self._path / file).open("rb")
        except OSError as error:
            raise SourceError(f"{self._path / file} cannot be read ({error}): {WAY_OUT}") from error
        with source:
            source.seek(target.seek(0, os.SEEK_END))
            shutil.copyfileobj(source, target, object_stores.COPIED_BYTES)

    def write(self, file: str, data: bytes) -> None:
        try:
            (self._path / file).parent.mkdir(parents=True, exist_ok=True)
            files.write(self._path / file, data)
        except OSError as error:
            raise SourceError(f"{self._path / file} cannot be written ({error}): {WAY_OUT}") from error

    def send(self, local: Path, file: str) -> None:
        try:
            (self._path / file).parent.mkdir(parents=True, exist_ok=True)
            with files.replacing(self._path / file) as part:
                shutil.copyfile(local, part)
        except OSError as error:
            raise SourceError(f"{self._path / file} cannot be written ({error}): {WAY_OUT}") from error

    def remove(self, file: str) -> None:
        (self._path / file).unlink(missing_ok=True)

    def age_s(self, file: str) -> float:
        try:
            return time.time() - (self._path / file).stat().st_mtime
        except OSError:
            return 0.0


def _is_whole(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file() and not files.is_temporary(Path(entry.name))
