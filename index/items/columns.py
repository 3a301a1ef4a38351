"""The attributes of a gallery's items as coded columns: one Arrow file, mapped when opened, that grows in memory."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import ipc

from index.items.values import NULL, Values, decode, encode
from index.sources.rows import Value
from models.errors import GalleryBroken, InputError

FIRST_ROWS = 64  # a column's room when it first grows; it doubles from there
SHOWN_NAMES = 50
REMEMBERED = 4096  # values of a column that are kept decoded, which is all of a category's or a colour's

KIND = pyarrow.dictionary(pyarrow.int32(), pyarrow.large_string())
COUNT = b"rows"  # in the file's own facts: a file without columns could not say it otherwise


class Column:
    """One attribute: for each row a code, which stands for one of the distinct values."""

    def __init__(self, texts: pyarrow.LargeStringArray, codes: NDArray[np.int32]) -> None:
        self._kept = Values(texts)  # sorted by text
        self._kept_count = len(texts)
        self._fresh: list[str] = []  # what was appended since, in the order of the codes
        self._put: dict[str, int] = {}  # the codes of all texts that were appended
        self._fresh_values = Values(texts[:0])
        self._codes = codes  # longer than the rows once it grew
        self._decoded: dict[int, Value] = {}

    def codes(self, count: int) -> NDArray[np.int32]:
        """The codes (count,) of the first rows."""
        return self._codes[:count]

    def values(self) -> tuple[Values, Values]:
        """The values by code, in two parts: those of the file, sorted by their text, and those appended since."""
        fresh = self._fresh_values
        if len(fresh) < len(self._fresh):
            fresh = self._fresh_values = Values(pyarrow.array(self._fresh[:], pyarrow.large_string()))
        return self._kept, fresh

    def code(self, text: str) -> int | None:
        """The code of the value that JSON writes so, where a row has it or had it."""
        known = self._put.get(text)
        if known is not None or not self._kept_count:
            return known
        code = bisect_left(range(self._kept_count), text, key=self._kept.text)
        return code if code < self._kept_count and self._kept.text(code) == text else None

    def text(self, code: int) -> str:
        """The JSON text of the value with that code."""
        return self._kept.text(code) if code < self._kept_count else self._fresh[code - self._kept_count]

    def at(self, row: int) -> Value:
        """The value of that row, None where it is missing."""
        code = self._codes.item(row)
        if code in self._decoded:
            return self._decoded[code]
        value = decode(self.text(code))
        if len(self._decoded) < REMEMBERED:
            self._decoded[code] = value
        return value

    def distinct(self) -> Iterator[Value]:
        """Every value by its code."""
        return (decode(self.text(code)) for code in range(sum(map(len, self.values()))))

    def put(self, row: int, text: str) -> None:
        """Sets the value of the next row. Another thread that reads the rows before it is not disturbed."""
        code = self.code(text)
        if code is None:
            code = self._kept_count + len(self._fresh)
            self._fresh.append(text)  # before its code, which no reader may find without it
        self._put[text] = code
        if row == len(self._codes):
            codes = np.empty(max(2 * row, FIRST_ROWS), np.int32)  # what is not written yet takes no memory
            codes[:row] = self._codes
            self._codes = codes
        self._codes[row] = code


class Columns:
    """The attributes of rows 0 to n-1; one thread appends while others read the rows there were when they began."""

    def __init__(self, count: int, columns: Mapping[str, Column]) -> None:
        self._count = count
        self._columns = columns

    @classmethod
    def open(cls, path: Path) -> "Columns":
        """Maps the file at `path`, none of its values decoded; raises GalleryBroken where it is not one of ours."""
        try:
            reader = ipc.open_file(pyarrow.memory_map(str(path)))
            batch = reader.get_batch(0)
            batch.validate()
            count = int((reader.schema.metadata or {})[COUNT])
            names: list[str] = batch.schema.names
            ours = (
                reader.num_record_batches == 1
                and len(set(names)) == len(names)
                and all(kind == KIND for kind in batch.schema.types)
                and (batch.num_rows == count or not names)
                and all(map(_is_whole, batch.columns))
            )
            if not ours:
                raise GalleryBroken(f"{path} holds no columns of attributes: roll back or rebuild the gallery")
        except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
            raise GalleryBroken(
                f"{path} is not a table of attributes ({error}): roll back or rebuild the gallery"
            ) from error
        columns = {
            name: Column(column.dictionary, column.indices.to_numpy(zero_copy_only=True))
            for name, column in zip(names, batch.columns, strict=True)
        }
        return cls(count, columns)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Value]]) -> "Columns":
        """The attributes of the rows in their order."""
        columns = cls(0, {})
        for attributes in rows:
            columns.append(attributes)
        return columns

    def append(self, attributes: Mapping[str, Value]) -> None:
        """Adds a row. Readers see it when `len` says so; an attribute that no row had is missing in those before."""
        row = self._count
        texts = {name: encode(value) for name, value in attributes.items()}
        for name, column in self._columns.items():
            column.put(row, texts.pop(name, NULL))
        if texts:
            new = {name: _missing(row) for name in texts}
            for name, text in texts.items():
                new[name].put(row, text)
            self._columns = {**self._columns, **new}  # anew: a reader may walk the old one
        self._count = row + 1

    def save(self, path: Path, rows: NDArray[np.int64]) -> None:
        """Writes the attributes of the rows, in the order given, with those values only that they have."""
        columns = {name: _dictionary(column, column.codes(self._count)[rows]) for name, column in self._columns.items()}
        schema = pyarrow.schema([(name, KIND) for name in columns], metadata={COUNT: str(len(rows))})
        with ipc.new_file(str(path), schema) as writer:
            writer.write_batch(pyarrow.record_batch(list(columns.values()), schema=schema))

    def column(self, name: str) -> Column:
        """The attribute of that name; raises InputError, with the names that there are."""
        column = self._columns.get(name)
        if column is None:
            names = ", ".join(map(repr, self.names[:SHOWN_NAMES])) + ("…" if len(self._columns) > SHOWN_NAMES else "")
            known = f"name one of {names}" if names else "the gallery's items have no attributes"
            raise InputError(f"no item has the attribute {name!r}: {known}")
        return column

    def get(self, name: str) -> Column:
        """The attribute of that name; where no row has it, one that is missing everywhere."""
        column = self._columns.get(name)
        return _missing(self._count) if column is None else column

    def at(self, row: int) -> dict[str, Value]:
        """The attributes of that row, without those that it lacks."""
        return {name: value for name, column in self._columns.items() if (value := column.at(row)) is not None}

    @property
    def names(self) -> Sequence[str]:
        """The attributes, as the rows name them first."""
        return list(self._columns)

    def __len__(self) -> int:
        return self._count


def write(path: Path, rows: Iterable[Mapping[str, Value]]) -> None:
    """Writes the attributes of the rows in their order, which is the order of the vectors and of FAISS's ids."""
    columns = Columns.of(rows)
    columns.save(path, np.arange(len(columns)))


def _is_whole(column: pyarrow.DictionaryArray) -> bool:
    """Each row has a code, and each code a value."""
    if column.null_count or column.dictionary.null_count:
        return False
    codes: NDArray[np.int32] = column.indices.to_numpy(zero_copy_only=True)
    return not len(codes) or bool(codes.min() >= 0 and codes.max() < len(column.dictionary))


def _missing(rows: int) -> Column:
    return Column(pyarrow.array([NULL], pyarrow.large_string()), np.zeros(rows, np.int32))


def _dictionary(column: Column, codes: NDArray[np.int32]) -> pyarrow.DictionaryArray:
    """The codes of rows, counted anew by the sorted texts of the values that these have."""
    used, inverse = np.unique(codes, return_inverse=True)
    texts = [column.text(code) for code in used.tolist()]
    order = sorted(range(len(texts)), key=texts.__getitem__)  # by code points, which is the order of UTF-8 too
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    values = pyarrow.array([texts[code] for code in order], pyarrow.large_string())
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(places[inverse]), values)
