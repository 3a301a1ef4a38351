"""The vectors of an unfinished build, so that they need not be computed again: after a kill, or on other machines."""

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from index.sources import object_stores
from index.sources.rows import SourceRow
from models import files
from models.arrays import Vectors

BUILDING = "building"
CHUNK_IMAGES = 512  # pictures
ABANDONED_S = 7 * 86_400.0  # since the last chunk of another space, after which it is removed

State = tuple[str, str, str]  # uri, content, fingerprint


class EmbeddedChunks:
    """The embedded images of one space, from any source, in chunks that are whole or absent.

    An image is identified by the hash of its bytes, so a changed source loses only the images that changed. Any number
    of processes may put chunks at the same time.
    """

    def __init__(self, place: "_Place") -> None:
        self._place = place

    @classmethod
    def open(cls, gallery: Path | None, blocks: str | None = None, *, space_id: str) -> "EmbeddedChunks":
        """Those in the gallery's own folder, which loses the abandoned ones of other spaces, or in `blocks`.

        `blocks` is a folder, or a folder's URL in a store, and stays after a build. Reading the chunks of a store and
        putting one raises SourceError if it cannot be done.
        """
        own = space_id[:32]
        if blocks is not None:
            is_store = object_stores.is_store(blocks)
            return cls(_StorePlace(f"{blocks.rstrip('/')}/{own}") if is_store else _DiskPlace(Path(blocks) / own))
        assert gallery is not None
        for other in (gallery / BUILDING).glob("*"):
            if other.name != own and time.time() - other.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(other, ignore_errors=True)
        return cls(_DiskPlace(gallery / BUILDING / own, is_own=True))

    def __iter__(self) -> Iterator[tuple[Sequence[State], Vectors]]:
        """Every whole chunk: of each image its state, and the vectors (n, d) in the same order."""
        for states, record in self._records():
            try:
                vectors: Vectors = record["vectors"]
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue  # its images are embedded again
            yield states, vectors

    def states(self) -> Iterator[Sequence[State]]:
        """The states of the images of each chunk, without reading the vectors."""
        for states, _ in self._records():
            yield states

    def _records(self) -> Iterator[tuple[Sequence[State], "np.lib.npyio.NpzFile"]]:
        for name in sorted(name for name in self._place.names() if name.startswith("chunk-") and name.endswith(".npz")):
            try:
                with self._place.open(name) as file, np.load(file, allow_pickle=False) as record:
                    states = [(uri, content, mark) for uri, content, mark in json.loads(record["states"].tobytes())]
                    yield states, record
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue

    def put(self, rows: Sequence[SourceRow], vectors: Vectors) -> None:
        """Saves the vectors (n, d) of rows with a known content, whole or not at all."""
        states = json.dumps([(row.image, row.content, row.fingerprint) for row in rows]).encode()
        data = io.BytesIO()
        np.savez(data, vectors=vectors, states=np.frombuffer(states, dtype=np.uint8))
        self._place.write(f"chunk-{os.urandom(8).hex()}.npz", data.getvalue())

    def remove(self) -> None:
        """Drops the chunks of the gallery's own folder, after the snapshot made of them is published."""
        self._place.remove()


class _Place(Protocol):
    """A folder of chunks."""

    def names(self) -> Sequence[str]: ...
    def open(self, name: str) -> "io.BufferedReader | io.BytesIO": ...
    def write(self, name: str, data: bytes) -> None: ...
    def remove(self) -> None: ...


class _DiskPlace:
    def __init__(self, folder: Path, *, is_own: bool = False) -> None:
        self._folder, self._is_own = folder, is_own
        folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> Sequence[str]:
        return [path.name for path in self._folder.glob("chunk-*.npz")]

    def open(self, name: str) -> io.BufferedReader:
        return (self._folder / name).open("rb")

    def write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)  # which a build that ended may have removed
        files.write(self._folder / name, data)

    def remove(self) -> None:
        if self._is_own:
            shutil.rmtree(self._folder, ignore_errors=True)
            if not any(self._folder.parent.glob("*")):
                self._folder.parent.rmdir()


class _StorePlace:
    def __init__(self, url: str) -> None:
        self._url = url

    def names(self) -> Sequence[str]:
        return object_stores.names(self._url)

    def open(self, name: str) -> io.BytesIO:
        with object_stores.copied(f"{self._url}/{name}") as file:
            return io.BytesIO(file.read())

    def write(self, name: str, data: bytes) -> None:
        object_stores.write(f"{self._url}/{name}", data)

    def remove(self) -> None:
        pass  # others may build from them
