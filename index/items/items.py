"""The items of a snapshot: a Parquet file of ids, uris, and content hash and fingerprint of each image when it was
embedded; the attributes lie in columns of their own."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import compute, parquet

from index.items.columns import Columns
from index.items.further_images import FurtherImages
from index.sources.cells import Value
from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow
from models.arrays import Flags, Rows
from models.errors import GalleryBroken, UnknownItem

COLUMNS = ("id", "uri", "content", "fingerprint")
STATES = ("uri", "content", "fingerprint")


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """One thing of the gallery; `uri` is the path or URL of its first image, and `further` has those of the others."""

    id: str
    uri: str
    attributes: Mapping[str, Value]
    further: tuple[str, ...] = ()

    @property
    def uris(self) -> tuple[str, ...]:
        """The addresses of all images, the first one first."""
        return (self.uri, *self.further)

    def with_image(self, number: int) -> "GalleryItem":
        """The item with its image of that number as the only one; raises UnknownItem if it has none."""
        if not 0 <= number < len(self.uris):
            raise UnknownItem(
                f"the item {self.id!r} has no image {number}: it has {len(self.uris)}, and the first is number 0"
            )
        return replace(self, uri=self.uris[number], further=())


def write(path: Path, rows: Sequence[SourceRow]) -> None:
    """Writes the rows' ids and uris in their order, which is the order of the vectors and of FAISS's ids."""
    columns = {
        "id": [row.id for row in rows],
        "uri": [row.image for row in rows],
        "content": [row.content for row in rows],
        "fingerprint": [row.fingerprint for row in rows],
    }
    table = pyarrow.table({name: pyarrow.array(column, pyarrow.large_string()) for name, column in columns.items()})
    parquet.write_table(table, path, compression="zstd")


def states(path: Path) -> pyarrow.Table:
    """The columns of STATES: the state of each row's image when it was embedded; raises GalleryBroken."""
    return _read(path, STATES)


def ids(path: Path) -> Sequence[str]:
    """The id of each row; raises GalleryBroken."""
    found: Sequence[str] = _read(path, ["id"]).column("id").to_pylist()
    return found


def same(one: Path, other: Path) -> bool:
    """True if two files hold the same items with the same images, whatever their fingerprints; raises GalleryBroken."""
    first, second = (_read(path, ["id", "uri", "content"]) for path in (one, other))
    return bool(first.equals(second))


class ItemTable(Collection[GalleryItem]):
    """Ids and uris in memory, and the row of each id; an Item is made when it is asked for."""

    def __init__(self, table: pyarrow.Table, attributes: Columns, further: FurtherImages | None = None) -> None:
        """`further` are the images beside the first of each item, None if no item has any."""
        self._uris, self._contents, self._fingerprints = (table.column(name).combine_chunks() for name in STATES)
        self.attributes = attributes
        self.further = further
        self.ids: Sequence[str] = table.column("id").to_pylist()
        self.rows: Mapping[str, int] = {id: row for row, id in enumerate(self.ids)}

    @classmethod
    def open(cls, path: Path, attributes: Columns, further: FurtherImages | None = None) -> "ItemTable":
        """Reads the file of the items that have these attributes; raises GalleryBroken if it is not one of ours."""
        return cls(_read(path, COLUMNS), attributes, further)

    @cached_property
    def by_id(self) -> Rows:
        """The rows (n,) in the order of their ids; sorted at the first call, while other threads go on."""
        order: Rows = compute.sort_indices(pyarrow.array(self.ids, pyarrow.large_string())).to_numpy().astype(np.int64)
        return order

    def at(self, row: int) -> GalleryItem:
        """The item of that row."""
        further = () if self.further is None else self.further.uris(row)
        return GalleryItem(self.ids[row], self._uris[row].as_py(), self.attributes.at(row), further)

    def further_images(self, row: int) -> Sequence[FurtherImage]:
        """The images of the row's item beside the first one."""
        return () if self.further is None else self.further.at(row)

    def content(self, row: int) -> str:
        """The SHA-256 of the bytes of the row's first image."""
        found: str = self._contents[row].as_py()
        return found

    def has_content(self, rows: Rows, content: str) -> Flags:
        """Mask (m,) of the rows (m,) that have an image with that SHA-256."""
        flags: Flags = compute.equal(self._contents.take(pyarrow.array(rows)), content).to_numpy(zero_copy_only=False)
        return flags if self.further is None else flags | np.isin(rows, self.further.owners_with(content))

    def fingerprint(self, row: int) -> str:
        """A value that changes if the bytes of the row's first image may have changed; "" if there is none."""
        found: str = self._fingerprints[row].as_py()
        return found

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[GalleryItem]:
        return map(self.at, range(len(self)))

    def __contains__(self, id: object) -> bool:
        return id in self.rows


def _read(path: Path, columns: Iterable[str]) -> pyarrow.Table:
    """The columns of a file of items; raises GalleryBroken."""
    try:
        with parquet.ParquetFile(path) as file:  # `read_table` would load the library for datasets, too
            return file.read(columns=list(columns)).select(list(columns))
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        raise GalleryBroken(f"{path} is not a table of items ({error}): rebuild the gallery") from error
