"""Images that a model knows, as centres of their embeddings, so that a gallery of other images is noticed."""

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embeddings

FILE = "known.npz"  # in a bundle, and in the snapshots that were built with it
MANY = 0.2  # share of the images from which a gallery is unlike those that its model knows
_COMPARED = 65_536  # embeddings that are compared at a time


@dataclass(frozen=True, slots=True, eq=False)
class KnownImages:
    """Images that a model knows: centres (K, d) of their embeddings, and the least similarity to one that was usual."""

    centres: Embeddings
    least: float

    @classmethod
    def read(cls, path: Path, *, dimension: int) -> "KnownImages":
        """Read a file that holds `encoded`; raises ValueError if it cannot be read or is of another dimension d."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as record:  # closed in any case
                known = cls(record["centres"].astype(np.float32), float(record["least"]))
        except (AttributeError, BadZipFile, EOFError, KeyError, OSError, TypeError, ValueError) as error:
            raise ValueError(str(error)) from error
        if known.centres.shape != (len(known.centres), dimension):
            raise ValueError(f"its centres have the shape {known.centres.shape} instead of (K, {dimension})")
        return known

    def encoded(self) -> bytes:
        """Return the content of a file, about 2 K d bytes."""
        file = io.BytesIO()
        centres = self.centres.astype(np.float16)
        np.savez_compressed(file, allow_pickle=False, centres=centres, least=np.float32(self.least))
        return file.getvalue()

    def count_unlike(self, vectors: NDArray[np.floating]) -> int:
        """Return how many images, with embeddings (n, d), are less similar to every centre than was usual."""
        below = 0
        for start in range(0, len(vectors), _COMPARED):
            block = vectors[start : start + _COMPARED].astype(np.float32)
            below += int(((block @ self.centres.T).max(axis=1) < self.least).sum())
        return below

    def unlike(self, vectors: NDArray[np.floating]) -> float:
        """Return the share of such images."""
        return self.count_unlike(vectors) / max(1, len(vectors))
