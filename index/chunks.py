"""The finished chunks of a build, kept on disk so that a killed one goes on where it stopped."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from index.ingest import SourceRow, is_url
from index.recall import Vectors
from index.snapshot import sync

BUILDING = "building"
CHUNK = 512  # rows


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that has no usable picture, and why."""

    id: str
    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of CHUNK successive rows: the vectors (n, d), each one's row in the source, and the others."""

    vectors: Vectors
    rows: Sequence[int]
    skipped: Sequence[Skipped]


class Chunks:
    """The folder of one build's chunks; another source, changed picture or model has another folder."""

    def __init__(self, gallery: Path, rows: Sequence[SourceRow], *, space_id: str) -> None:
        self._folder = gallery / BUILDING / _digest(rows, space_id)
        for other in (gallery / BUILDING).glob("*"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)  # of a build that nobody went on with
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, number: int) -> Chunk | None:
        """The chunk of that number, or None where it is not finished or not whole."""
        try:
            with self._path(number).open("rb") as file, np.load(file, allow_pickle=False) as record:
                skipped = [Skipped(**fields) for fields in json.loads(record["skipped"].tobytes())]
                return Chunk(record["vectors"], record["rows"].tolist(), skipped)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # embedded again: cheaper than to ask a person

    def put(self, number: int, chunk: Chunk) -> None:
        """Keeps a finished chunk, whole or not at all."""
        skipped = json.dumps([asdict(each) for each in chunk.skipped]).encode()
        fresh = self._folder / ".fresh.npz"
        np.savez(
            fresh,
            vectors=chunk.vectors,
            rows=np.asarray(chunk.rows, dtype=np.int64),
            skipped=np.frombuffer(skipped, dtype=np.uint8),
        )
        sync(fresh)
        fresh.replace(self._path(number))

    def remove(self) -> None:
        """Drops all chunks, after the snapshot made of them is published."""
        shutil.rmtree(self._folder.parent, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"chunk-{number:06d}.npz"


def _digest(rows: Sequence[SourceRow], space_id: str) -> str:
    """Of all that the vectors depend on; a local picture counts with its size and time of change."""
    digest = hashlib.sha256(json.dumps([CHUNK, space_id]).encode())
    for row in rows:
        digest.update(json.dumps([row.id, row.image, _state(row.image)]).encode())
    return digest.hexdigest()[:32]


def _state(image: str) -> tuple[int, int] | None:
    if not image or is_url(image):
        return None
    try:
        status = Path(image).stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
