"""The vectors of an unfinished build on disk, so that after a kill they need not be computed again."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from index.sources.rows import SourceRow
from models import files
from models.arrays import Vectors

BUILDING = "building"
CHUNK_IMAGES = 512  # pictures

State = tuple[str, str, str]  # uri, content, fingerprint


class EmbeddedChunks:
    """The embedded images of one space, from any source, in chunks that are whole or absent.

    An image is identified by the hash of its bytes, so a changed source loses only the images that changed.
    """

    def __init__(self, gallery: Path, *, space_id: str) -> None:
        self._folder = gallery / BUILDING / space_id[:32]
        for other in (gallery / BUILDING).glob("*"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)  # of an abandoned build
        self._folder.mkdir(parents=True, exist_ok=True)

    def __iter__(self) -> Iterator[tuple[Sequence[State], Vectors]]:
        """Every whole chunk: of each image its state, and the vectors (n, d) in the same order."""
        for path in sorted(self._folder.glob("chunk-*.npz")):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as record:
                    states = [(uri, content, mark) for uri, content, mark in json.loads(record["states"].tobytes())]
                    vectors: Vectors = record["vectors"]
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue  # its images are embedded again
            yield states, vectors

    def put(self, rows: Sequence[SourceRow], vectors: Vectors) -> None:
        """Saves the vectors (n, d) of rows with a known content, whole or not at all."""
        states = json.dumps([(row.image, row.content, row.fingerprint) for row in rows]).encode()
        with files.replacing(self._folder / f"chunk-{os.urandom(8).hex()}.npz") as part:
            np.savez(part, vectors=vectors, states=np.frombuffer(states, dtype=np.uint8))

    def remove(self) -> None:
        """Drops all chunks, after the snapshot made of them is published."""
        shutil.rmtree(self._folder.parent, ignore_errors=True)
