"""The items of a snapshot as columns in Parquet: id, uri, and the attributes as JSON, which keeps each type."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from pyarrow import parquet

from index.ingest import SourceRow, Value
from models.errors import GalleryBroken

COLUMNS = ("id", "uri", "attributes")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of the gallery; `uri` is its picture's path or URL."""

    id: str
    uri: str
    attributes: Mapping[str, Value]


def write(path: Path, rows: Sequence[SourceRow]) -> None:
    """Writes the rows in their order, which is the order of the vectors and of FAISS's ids."""
    columns = {
        "id": [row.id for row in rows],
        "uri": [row.image for row in rows],
        "attributes": [json.dumps(row.attributes, ensure_ascii=False, allow_nan=False) for row in rows],
    }
    table = pyarrow.table({name: pyarrow.array(column, pyarrow.large_string()) for name, column in columns.items()})
    parquet.write_table(table, path, compression="zstd")


class Items(Collection[Item]):
    """The columns in memory, and the row of each id; an Item is made when it is asked for."""

    def __init__(self, table: pyarrow.Table) -> None:
        self._uris = table.column("uri").combine_chunks()
        self._attributes = table.column("attributes").combine_chunks()
        self.ids: Sequence[str] = table.column("id").to_pylist()
        self.rows: Mapping[str, int] = {id: row for row, id in enumerate(self.ids)}

    @classmethod
    def open(cls, path: Path) -> "Items":
        """Reads the file; raises GalleryBroken where it is not one of ours."""
        try:
            return cls(parquet.read_table(path, columns=list(COLUMNS), partitioning=None))
        except (OSError, KeyError, pyarrow.ArrowException) as error:
            raise GalleryBroken(f"{path} is not a table of items ({error}): rebuild the gallery") from error

    def at(self, row: int) -> Item:
        """The item of that row."""
        return Item(self.ids[row], self._uris[row].as_py(), json.loads(self._attributes[row].as_py()))

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Item]:
        return map(self.at, range(len(self)))

    def __contains__(self, id: object) -> bool:
        return id in self.rows
