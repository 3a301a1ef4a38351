"""Tables to records: CSV, JSONL and Parquet, each value with the type that the table gives it."""

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from io import TextIOWrapper
from itertools import chain
from pathlib import PurePosixPath
from typing import IO

import pyarrow
from pyarrow import parquet

from models.errors import SourceError

Record = Mapping[str, object]

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")  # "007" stays text: article numbers keep their zeros
NEEDED = ("id", "image")
SHOWN_CHARACTERS = 300
COMMAS = "separate its columns with commas, not with semicolons or tabs, and name two of them id and image"

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]{1,2})?|[eE][-+]?[0-9]{1,2})")


def records(table: str, file: IO[bytes]) -> Iterator[Record]:
    """The records of the table of that name, in the order of its file, read as the name's suffix says.

    Raises SourceError, or OSError from the disk.
    """
    suffix = PurePosixPath(table).suffix
    reader = READERS.get(suffix.lower())
    if reader is None:
        raise SourceError(
            f"{table} has the suffix {suffix!r}: name a folder of pictures or a {', '.join(READERS)} table"
        )
    try:
        yield from reader(table, file)
    except UnicodeDecodeError as error:
        raise SourceError(f"{table} is not UTF-8 ({error}): write it again as UTF-8") from error


def check_names(where: str, names: Collection[str], *, way_out: str = "name the columns id and image") -> None:
    """Raises SourceError, with the names that there are, where a needed one is missing."""
    missing = next((name for name in NEEDED if name not in names), None)
    if missing is None:
        return
    found = ", ".join(map(repr, names)) or "none"
    if len(found) > SHOWN_CHARACTERS:
        found = f"{found[:SHOWN_CHARACTERS]}…"
    raise SourceError(f"{where} has no column {missing!r}, its columns are {found}: {way_out}")


def _csv(table: str, opened: IO[bytes]) -> Iterator[Record]:
    """A column whose every cell reads as true/false, int or float gets that type."""
    with TextIOWrapper(opened, encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        _check_commas(table, first)  # before the reader, which takes quotes beside semicolons for broken ones
        lines = csv.reader(chain([first], file), strict=True)
        try:
            header, cells = _cells(table, lines)
        except csv.Error as error:
            raise SourceError(
                f"{table}, line {lines.line_num} cannot be read ({error}): close its quotes and keep each cell under"
                f" {csv.field_size_limit()} characters"
            ) from error
    columns = [
        [cell or None for cell in column] if name in NEEDED else _typed(column)
        for name, column in zip(header, zip(*cells, strict=True), strict=False)
    ]
    for values in zip(*columns, strict=True):
        yield dict(zip(header, values, strict=True))


def _check_commas(table: str, first: str) -> None:
    if "," not in first and (";" in first or "\t" in first):
        check_names(table, [first.rstrip("\r\n")], way_out=COMMAS)


def _cells(table: str, lines: Iterator[list[str]]) -> tuple[list[str], list[list[str]]]:
    header = next(lines, [])
    if len(set(header)) < len(header):
        raise SourceError(f"{table} names a column twice: make the column names unique")
    if header:
        check_names(table, header)
    cells: list[list[str]] = []
    for line in lines:
        if not line:
            continue  # an empty line
        if len(line) != len(header):
            raise SourceError(
                f"{table}, row {len(cells) + 1} has {len(line)} cells for {len(header)} columns: quote its commas"
            )
        cells.append(line)
    return header, cells


def _typed(column: Iterable[str]) -> list[str | int | float | bool | None]:
    cells = list(column)
    filled = [cell for cell in cells if cell]
    read: Callable[[str], str | int | float | bool] = str
    if all(cell.lower() in ("true", "false") for cell in filled):
        read = _boolean
    elif all(INTEGER.fullmatch(cell) for cell in filled):
        read = int
    elif all(_is_float(cell) for cell in filled):
        read = float
    return [read(cell) if cell else None for cell in cells]


def _boolean(cell: str) -> bool:
    return cell.lower() == "true"


def _is_float(cell: str) -> bool:
    """A whole number among floats is one only where a float holds it exactly: article numbers keep their digits."""
    if INTEGER.fullmatch(cell):
        return float(cell) == int(cell)
    return NUMBER.fullmatch(cell) is not None


def _jsonl(table: str, opened: IO[bytes]) -> Iterator[Record]:
    with TextIOWrapper(opened, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise SourceError(f"{table}, line {number} is not JSON ({error}): write one object a line") from error
            except RecursionError as error:
                raise SourceError(
                    f"{table}, line {number} is nested too deeply: write one flat object a line"
                ) from error
            if not isinstance(record, dict):
                raise SourceError(f"{table}, line {number} is not a JSON object: write one object a line")
            yield record


def _parquet(table: str, opened: IO[bytes]) -> Iterator[Record]:
    try:
        with parquet.ParquetFile(opened) as file:
            _check_columns(table, file.schema_arrow)
            for batch in file.iter_batches():
                names = batch.schema.names
                columns = [unpacked(batch.column(name), f"{table}, column {name!r}") for name in names]
                for values in zip(*columns, strict=True):
                    yield dict(zip(names, values, strict=True))
    except (OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's word, not Parquet's
        raise SourceError(f"{table} is not a whole Parquet table ({error}): write or copy it again") from error


def _check_columns(table: str, schema: pyarrow.Schema) -> None:
    if len(set(schema.names)) < len(schema.names):
        raise SourceError(f"{table} names a column twice: make the column names unique")
    check_names(table, schema.names)
    for column in schema:
        if pyarrow.types.is_nested(column.type):
            raise SourceError(
                f"{table}, column {column.name!r} is a {column.type}: write it as text or as one column for each part,"
                " or leave the column out"
            )


def unpacked(column: pyarrow.Array, where: str) -> list[object]:
    """The cells of a column as Python holds them; raises SourceError, which names the place, for what it cannot."""
    kind = column.type
    if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)  # Python's times end at microseconds
    elif pyarrow.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(pyarrow.time64("us"), safe=False)
    try:
        values: list[object] = column.to_pylist()
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError) as error:  # a year beyond 9999, a time zone that nobody knows
        raise SourceError(f"{where} cannot be read ({error}): write it as text, or leave the column out") from error
    return values


READERS: Mapping[str, Callable[[str, IO[bytes]], Iterator[Record]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
