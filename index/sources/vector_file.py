"""Vectors in an unnamed file on disk, mapped: a large array that takes page cache and no memory of its own."""

import os
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from models.arrays import Rows, Vectors

COPIED = 16_384  # rows that are copied at a time


class VectorFile:
    """Vectors (n, d) in half precision, written in blocks to a file without a name.

    To be used in a `with` statement; the maps made meanwhile stay valid after it, and the file ends with the last one.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        """The file lies on the disk of `folder`, which must exist; raises OSError if it cannot be created."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # __exit__ closes it
        self._dimension = dimension
        self.count = 0

    def append(self, vectors: NDArray[np.floating]) -> None:
        """Write some more vectors (m, d); raises OSError if the disk is full."""
        for start in range(0, len(vectors), COPIED):
            self._file.write(vectors[start : start + COPIED].astype(np.float16, copy=False).tobytes())
        self.count += len(vectors)

    def take(self, vectors: Vectors, rows: Rows) -> None:
        """Write some rows (m,) of other vectors, block by block; raises OSError if the disk is full."""
        for start in range(0, len(rows), COPIED):
            self.append(vectors[rows[start : start + COPIED]])

    def mapped(self) -> Vectors:
        """All vectors (n, d) so far; changes of the array are changes of the file. Raises OSError as `append`."""
        if not self.count:
            return np.empty((0, self._dimension), np.float16)
        self._file.flush()
        return np.asarray(np.memmap(self._file, np.float16, "r+", shape=(self.count, self._dimension)))

    def __enter__(self) -> "VectorFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def zeros(folder: Path, count: int, dimension: int) -> Vectors:
    """Vectors (count, d) of zeros in such a file, to be filled; raises OSError if the disk has no room for them."""
    with VectorFile(folder, dimension) as made:
        if count:  # a map alone would take the room later, and kill the process if there is none
            os.posix_fallocate(made._file.fileno(), 0, 2 * count * dimension)
        made.count = count
        return made.mapped()
