"""What a build has embedded so far, kept on disk so that a killed one need not embed it again."""

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
    """The folder of the embedded pictures of one space, whatever source they came from; each chunk is whole or absent.

    A picture is known by the hash of its bytes, so a source that changed between two builds loses only what changed.
    """

    def __init__(self, gallery: Path, *, space_id: str) -> None:
        self._folder = gallery / BUILDING / space_id[:32]
        for other in (gallery / BUILDING).glob("*"):
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)  # of a build that nobody went on with
        self._folder.mkdir(parents=True, exist_ok=True)

    def __iter__(self) -> Iterator[tuple[Sequence[State], Vectors]]:
        """Every whole chunk: of each picture its state, and the vectors (n, d) in the same order."""
        for path in sorted(self._folder.glob("chunk-*.npz")):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as record:
                    states = [(uri, content, mark) for uri, content, mark in json.loads(record["states"].tobytes())]
                    vectors: Vectors = record["vectors"]
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue  # embedded again: cheaper than to ask a person
            yield states, vectors

    def put(self, rows: Sequence[SourceRow], vectors: Vectors) -> None:
        """Keeps the vectors (n, d) of the rows, which know their content; whole or not at all."""
        states = json.dumps([(row.image, row.content, row.fingerprint) for row in rows]).encode()
        with files.replacing(self._folder / f"chunk-{os.urandom(8).hex()}.npz") as part:
            np.savez(part, vectors=vectors, states=np.frombuffer(states, dtype=np.uint8))

    def remove(self) -> None:
        """Drops all chunks, after the snapshot made of them is published."""
        shutil.rmtree(self._folder.parent, ignore_errors=True)
