"""The further images of a snapshot's items: a Parquet file with each one's item, uri, content and fingerprint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import compute, parquet

from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow
from models.arrays import Rows
from models.errors import GalleryBroken

COLUMNS = ("item", "uri", "content", "fingerprint")


class FurtherImages:
    """The images of items beside their first ones, in the order of the items' rows."""

    def __init__(self, table: pyarrow.Table) -> None:
        self.owners: Rows = table.column("item").to_numpy().astype(np.int64)  # (f,), ascending
        self._columns = [table.column(name).combine_chunks() for name in COLUMNS[1:]]

    @classmethod
    def open(cls, path: Path) -> "FurtherImages":
        """Read the file; raises GalleryBroken if it is not one of ours."""
        found = cls(_read(path))
        if np.any(np.diff(found.owners, prepend=0) < 0):
            raise GalleryBroken(f"{path} is not in the order of its items: roll back or rebuild the gallery")
        return found

    def at(self, row: int) -> Sequence[FurtherImage]:
        """The further images of the item of that row."""
        return [FurtherImage(*(column[at].as_py() for column in self._columns)) for at in self._places(row)]

    def uris(self, row: int) -> tuple[str, ...]:
        """The addresses of the further images of the item of that row."""
        uris = self._columns[0]
        return tuple([uris[at].as_py() for at in self._places(row)])

    def owners_with(self, content: str) -> Rows:
        """The rows of the items with a further image of that SHA-256."""
        flags = compute.equal(self._columns[1], content).to_numpy(zero_copy_only=False)
        owners: Rows = self.owners[flags]
        return owners

    def _places(self, row: int) -> range:
        return range(int(self.owners.searchsorted(row)), int(self.owners.searchsorted(row, "right")))

    def __len__(self) -> int:
        return len(self.owners)


def write(path: Path, rows: Sequence[SourceRow]) -> None:
    """Writes the further images of the rows, in their order, which is that of their vectors."""
    images = [(number, image) for number, row in enumerate(rows) for image in row.further]
    columns = {
        "uri": [image.uri for _, image in images],
        "content": [image.content for _, image in images],
        "fingerprint": [image.fingerprint for _, image in images],
    }
    texts = {name: pyarrow.array(column, pyarrow.large_string()) for name, column in columns.items()}
    table = pyarrow.table({"item": pyarrow.array([number for number, _ in images], pyarrow.int64()), **texts})
    parquet.write_table(table, path, compression="zstd")


def states(path: Path) -> pyarrow.Table:
    """The columns of the state of each image when it was embedded, as items.states has them; raises GalleryBroken."""
    return _read(path).select(COLUMNS[1:])


def same(one: Path, other: Path) -> bool:
    """True if two files hold the same images of the same items, or neither exists; raises GalleryBroken."""
    if not one.exists() or not other.exists():
        return one.exists() == other.exists()
    first, second = (_read(path).select(COLUMNS[:3]) for path in (one, other))
    return bool(first.equals(second))


def _read(path: Path) -> pyarrow.Table:
    try:
        with parquet.ParquetFile(path) as file:
            return file.read(columns=list(COLUMNS)).select(list(COLUMNS))
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        raise GalleryBroken(f"{path} is not a table of further images ({error}): rebuild the gallery") from error
