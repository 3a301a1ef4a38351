"""Tables to rows: CSV, JSONL and Parquet, each value as the table gives it."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import PurePosixPath
from typing import IO, Literal, TypeAlias, cast

import pyarrow
from pyarrow import parquet

from models import csv_tables, table_header
from models.errors import SourceError

Record: TypeAlias = Mapping[str, object]
Format: TypeAlias = Literal["csv", "jsonl", "parquet", "xml"]

FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",  # as Google Merchant calls its feeds
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xml": "xml",
}
SUFFIXES = (".csv", ".jsonl", ".parquet", ".xml")  # those that errors name
GZIP = ".gz"


def is_table(name: str) -> bool:
    """Return whether the suffix of a name is one of a table."""
    return _format(name) is not None


@contextmanager
def unpacked(table: str, file: IO[bytes]) -> Iterator[tuple[Format, IO[bytes]]]:
    """Give the format of a table, and its bytes without gzip; raises SourceError if they cannot be read so."""
    format = _format(table)
    if format is None:
        suffix = PurePosixPath(table).suffix
        raise SourceError(f"{table} has the suffix {suffix!r}: name a {', '.join(SUFFIXES)} table")
    packed = table.lower().endswith(GZIP)
    try:
        with translate_encoding_errors(table):
            yield format, cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"{table} is not a whole gzip file ({error}): write or copy it again") from error


def text_cells(table: str, file: IO[bytes], columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of these columns, row by row, as stripped text; "" if a cell is empty.

    Raises SourceError with file, row and column, and OSError from the disk.
    """
    with unpacked(table, file) as (format, opened):
        rows: Iterator[Sequence[object]]
        match format:
            case "csv":
                lines = csv_tables.lines(table, opened, set(columns).issubset, lambda sentence: None)
                header = next(lines, [])
                if header:
                    table_header.check_needed(table, header, columns)
                places = [header.index(column) for column in columns] if header else []
                rows = ([cells[place] for place in places] for cells in lines)
            case "jsonl":
                rows = ([record[column] for column in columns] for record in _with_all(table, opened, columns))
            case "xml":
                raise SourceError(f"{table} is XML, which is read as a product feed only: name a CSV table")
            case _:

                def chosen(names: Sequence[str]) -> Sequence[str]:
                    table_header.check_needed(table, names, columns)
                    return columns

                found = parquet_rows(table, opened, chosen)
                rows = ([record[column] for column in columns] for record in found)
        for cells in rows:
            yield tuple("" if cell is None else str(cell).strip() for cell in cells)


def json_lines(table: str, file: IO[bytes]) -> Iterator[Record]:
    """Yield the objects of a file of JSON lines; raises SourceError with the line, and OSError from the disk."""
    with translate_encoding_errors(table), TextIOWrapper(file, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            place = f"{table}, line {number}"
            try:
                record = json.loads(line)
            except ValueError as error:
                raise SourceError(f"{place} is not JSON ({error}): write one object a line") from error
            except RecursionError as error:
                raise SourceError(f"{place} is nested too deeply: write one flat object a line") from error
            if not isinstance(record, dict):
                raise SourceError(f"{place} is not a JSON object: write one object a line")
            yield record


def parquet_rows(table: str, opened: IO[bytes], chosen: Callable[[Sequence[str]], Sequence[str]]) -> Iterator[Record]:
    """Yield the rows with the columns `chosen` among all names; raises SourceError, and OSError from the disk."""
    try:
        with parquet.ParquetFile(opened) as file:
            present = file.schema_arrow.names
            table_header.check_unique(table, present)
            names = list(dict.fromkeys(chosen(present)))
            for batch in file.iter_batches(columns=names):
                columns = [cell_values(batch.column(name), f"{table}, column {name!r}") for name in names]
                for values in zip(*columns, strict=True):
                    yield dict(zip(names, values, strict=True))
    except (OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the disk, not of Parquet
        raise SourceError(f"{table} is not a whole Parquet table ({error}): write or copy it again") from error


@contextmanager
def translate_encoding_errors(table: str) -> Iterator[None]:
    """Raise SourceError for a table that is not UTF-8."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(f"{table} is not UTF-8 ({error}): write it again as UTF-8 (Excel: CSV UTF-8)") from error


def cell_values(column: pyarrow.Array, place: str) -> list[object]:
    """Return the cells of an Arrow column as Python objects; raises SourceError, which names the place."""
    kind = column.type
    if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)  # Python's times end at microseconds
    elif pyarrow.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(pyarrow.time64("us"), safe=False)
    elif pyarrow.types.is_duration(kind):
        column = column.cast(pyarrow.duration("us"), safe=False)
    elif pyarrow.types.is_float32(kind):  # 19.99 as it was written, not 19.989999771118164
        column = column.cast(pyarrow.string()).cast(pyarrow.float64())
    elif pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        with suppress(pyarrow.ArrowInvalid):  # text of programs whose tables do not say that it is text
            column = column.cast(pyarrow.large_string())
    try:
        values: list[object] = column.to_pylist()
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError) as error:
        if pyarrow.types.is_timestamp(kind) and kind.tz is not None:  # Python may not know the zone: as UTC, without it
            return cell_values(column.cast(pyarrow.timestamp(column.type.unit)), place)
        if pyarrow.types.is_temporal(kind):  # a year beyond 9999
            with suppress(pyarrow.ArrowException):
                return cell_values(column.cast(pyarrow.large_string()), place)
        raise SourceError(f"{place} cannot be read ({error}): write it as text, or leave the column out") from error
    return values


def _format(table: str) -> Format | None:
    name = table.lower()
    format = FORMATS.get(PurePosixPath(name.removesuffix(GZIP)).suffix)
    return None if format == "parquet" and name.endswith(GZIP) else format  # it is compressed inside


def _with_all(table: str, opened: IO[bytes], needed: Sequence[str]) -> Iterator[Record]:
    """Yield the objects; a needed key that some lack is None there."""
    names: dict[str, None] = {}
    for record in json_lines(table, opened):
        names |= dict.fromkeys(record)
        yield {**dict.fromkeys(needed), **record}
    if names:
        table_header.check_needed(table, names, needed)
