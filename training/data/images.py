"""Images on disk, as whole files or parts of tar shards, described by columns so that millions fit in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from PIL import Image

from models import preprocess
from models.arrays import Pixels
from models.errors import ImageTooLarge, InputError, UnreadableImage
from models.preprocess import Resize
from training.data.texts import Texts

WHOLE = -1  # as a size: to the end of the file
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Locations of the bytes of N images.

    No file is held open: a read opens, seeks and closes, so that an instance can be sent to any process.
    """

    names: Texts  # (N,), as errors and skip files call them
    paths: Texts  # the files that hold them
    files: NDArray[np.int32]  # (N,), which of `paths`
    offsets: NDArray[np.int64]  # (N,), in bytes
    sizes: NDArray[np.int64]  # (N,), in bytes, or WHOLE

    @classmethod
    def from_paths(
        cls, names: Texts, paths: pyarrow.Array, *, offsets: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> "Images":
        """Images from a column of the path of each."""
        encoded = paths.dictionary_encode()
        if isinstance(encoded, pyarrow.ChunkedArray):
            encoded = encoded.combine_chunks()
        distinct = Texts(encoded.dictionary.cast(pyarrow.large_string()))
        files = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
        return cls(names=names, paths=distinct, files=files, offsets=offsets, sizes=sizes)

    @classmethod
    def of_files(cls, names: Sequence[str], paths: Sequence[str]) -> "Images":
        """Images that are whole files; one may be named twice."""
        return cls.from_paths(
            Texts.from_strings(names),
            pyarrow.array(paths, pyarrow.large_string()),
            offsets=np.zeros(len(paths), dtype=np.int64),
            sizes=np.full(len(paths), WHOLE, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.files)

    def name(self, row: int) -> str:
        """Return the name of an image in errors."""
        return self.names[row]

    def read(self, row: int, *, limit: int = WHOLE) -> bytes:
        """Return the image's bytes, at most `limit`; raises UnreadableImage if they cannot be read."""
        path, size = self.paths[int(self.files[row])], int(self.sizes[row])
        length = size if limit == WHOLE or 0 <= size < limit else limit
        try:
            with Path(path).open("rb") as file:
                file.seek(int(self.offsets[row]))
                data = file.read(length)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            raise UnreadableImage(f"{path} cannot be read ({error}): check the path and its permissions") from error
        if size != WHOLE and len(data) < length:
            raise UnreadableImage(f"{path} ends in the middle of an image: fetch the shard again")
        return data

    def decode(self, row: int, *, side: int | None = None) -> Image.Image:
        """Return the image in RGB, as `preprocess.decode`; raises InputError with its name if it cannot be decoded."""
        with self._named(row):
            return preprocess.decode(self.read(row), side=side)

    def pixels(self, row: int, resize: Resize) -> Pixels:
        """Return the pixels (3, S, S) that a model gets when serving; raises what `decode` does."""
        with self._named(row):
            return preprocess.square(self.read(row), resize=resize, max_pixels=preprocess.MAX_IMAGE_PIXELS)

    @contextmanager
    def _named(self, row: int) -> Iterator[None]:
        """Add the image's name to the errors of reading it."""
        try:
            yield
        except (UnreadableImage, ImageTooLarge) as error:
            raise InputError(
                f"the image {self.name(row)} in {self.paths[int(self.files[row])]} is broken ({error}): list all such"
                ' with `likebut data check … --decode --skip-file FILE` and leave them out with skip = "FILE"'
            ) from error

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> "Images":
        """Return the images of the rows, in their order, with no more paths than needed."""
        chosen = np.asarray(rows, dtype=np.int64)
        held, files = np.unique(self.files[chosen], return_inverse=True)
        return Images(
            names=self.names.take(rows),
            paths=self.paths.take(held),
            files=files.astype(np.int32),
            offsets=self.offsets[chosen],
            sizes=self.sizes[chosen],
        )


def located(folders: Sequence[Path], name: str) -> Path | None:
    """Return the file of an image by its path in one of the folders, with or without its suffix, or None."""
    for folder in folders:
        for suffix in ("", *SUFFIXES):
            path = folder / f"{name}{suffix}"
            if _is_file(path):
                return path
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the disk
        return False
