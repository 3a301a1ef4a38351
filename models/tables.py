"""Tables to records: CSV, JSONL and Parquet, each value with the type that the table gives it."""

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, TypeAlias

import pyarrow
from pyarrow import dataset, parquet

from models.errors import SourceError

Record: TypeAlias = Mapping[str, object]

SUFFIXES = (".csv", ".jsonl", ".parquet")
SHOWN_CHARACTERS = 300
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")  # "007" stays text: article numbers keep their zeros
# an exponent without a decimal point needs its sign, as programs write it: 12E4 is an article number
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]{1,2})?|[eE][-+][0-9]{1,2})")
# among numbers and booleans, other programs' words for an empty cell, in lower case; among texts they are texts
EMPTY_WORDS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "-", "--", "–", "—"})
ALMOST_NUMBER = re.compile(  # as in 1.299,00 €
    r"([€$£¥₹]\s?|[A-Z]{3}\s)?-?([0-9]{1,3}([.,' \u00a0\u202f][0-9]{3})+|[0-9]+)([.,][0-9]+)?"
    r"(\s?[€$£¥₹%]|\s[a-zA-Zł]{2,3})?"
)


def records(table: str, file: IO[bytes], *, needed: Sequence[str], note: Callable[[str], None]) -> Iterator[Record]:
    """Yield the records of the table in file order; the suffix of its name says how to read it.

    The `needed` columns must exist; in CSV they stay text. Every other CSV column gets the type that fits all its
    cells: true/false, int, float or text; `note` gets a sentence for a column that may be meant otherwise. Raises
    SourceError with file, row and column, and OSError from the disk.
    """
    with translate_encoding_errors(table):
        match _suffix(table):
            case ".csv":
                yield from _typed(_csv(table, file, needed), needed, note)
            case ".jsonl":
                yield from _jsonl(table, file, needed)
            case _:
                yield from _parquet(table, file, needed, others=lambda names: names)


def text_cells(table: str, file: IO[bytes], columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of these columns, row by row, as stripped text; "" if a cell is empty. Raises as `records`."""
    with translate_encoding_errors(table):
        rows: Iterator[Sequence[object]]
        match _suffix(table):
            case ".csv":
                lines = _csv(table, file, columns)
                header = next(lines, [])
                places = [header.index(column) for column in columns] if header else []
                rows = ([cells[place] for place in places] for cells in lines)
            case ".jsonl":
                rows = ([record[column] for column in columns] for record in _jsonl(table, file, columns))
            case _:
                found = _parquet(table, file, columns, others=lambda names: [])
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


@contextmanager
def translate_encoding_errors(table: str) -> Iterator[None]:
    """Raise SourceError for a table that is not UTF-8."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(f"{table} is not UTF-8 ({error}): write it again as UTF-8") from error


def cell_values(column: pyarrow.Array, place: str) -> list[object]:
    """Return the cells of an Arrow column as Python objects; raises SourceError, which names the place."""
    kind = column.type
    if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)  # Python's times end at microseconds
    elif pyarrow.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(pyarrow.time64("us"), safe=False)
    elif pyarrow.types.is_duration(kind):
        column = column.cast(pyarrow.duration("us"), safe=False)
    try:
        values: list[object] = column.to_pylist()
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError) as error:
        if pyarrow.types.is_timestamp(kind) and kind.tz is not None:  # Python may not know the zone: as UTC, without it
            return cell_values(column.cast(pyarrow.timestamp(column.type.unit)), place)
        raise SourceError(f"{place} cannot be read ({error}): write it as text, or leave the column out") from error
    return values


def _suffix(table: str) -> str:
    suffix = PurePosixPath(table).suffix
    if suffix.lower() not in SUFFIXES:
        raise SourceError(f"{table} has the suffix {suffix!r}: name a {', '.join(SUFFIXES)} table")
    return suffix.lower()


def _check_names(place: str, names: Collection[str], needed: Sequence[str], way_out: str) -> None:
    missing = next((name for name in needed if name not in names), None)
    if missing is None:
        return
    shown = ", ".join(map(repr, names)) or "none"
    if len(shown) > SHOWN_CHARACTERS:
        shown = f"{shown[:SHOWN_CHARACTERS]}…"
    raise SourceError(f"{place} has no column {missing!r}, its columns are {shown}: {way_out}")


def _check_columns(table: str, names: Sequence[str], needed: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise SourceError(f"{table} names a column twice: make the column names unique")
    _check_names(table, names, needed, "rename one of them, or add it")


def _csv(table: str, opened: IO[bytes], needed: Sequence[str]) -> Iterator[list[str]]:
    """Yield the names of the columns, then each row's cells as they are written; nothing for an empty file."""
    with TextIOWrapper(opened, encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        if "," not in first and (";" in first or "\t" in first):
            # before the csv module reads it, to which quotes beside semicolons are broken ones
            way_out = "separate its columns with commas, not with semicolons or tabs"
            _check_names(table, [first.rstrip("\r\n")], needed, way_out)
        lines = csv.reader(chain([first], file), strict=True)
        try:
            header = next(lines, [])
            if not header:
                return
            _check_columns(table, header, needed)
            yield header
            for number, cells in enumerate(filter(None, lines), start=1):
                if len(cells) != len(header):
                    raise SourceError(
                        f"{table}, row {number} has {len(cells)} cells for {len(header)} columns: quote its commas"
                    )
                yield cells
        except csv.Error as error:
            raise SourceError(
                f"{table}, line {lines.line_num} cannot be read ({error}): close its quotes and keep each cell under"
                f" {csv.field_size_limit()} characters"
            ) from error


def _typed(lines: Iterator[list[str]], needed: Sequence[str], note: Callable[[str], None]) -> Iterator[Record]:
    """Yield the rows of a CSV table with typed cells, None for an empty cell."""
    header = next(lines, [])
    columns = [
        [cell or None for cell in column] if name in needed else _typed_cells(name, column, note)
        for name, column in zip(header, zip(*lines, strict=True), strict=False)  # no columns if there are no rows
    ]
    for values in zip(*columns, strict=True):
        yield dict(zip(header, values, strict=True))


def _typed_cells(name: str, cells: Sequence[str], note: Callable[[str], None]) -> list[str | int | float | bool | None]:
    """Return the cells of a column with the one type that fits every filled cell."""
    stripped = [cell.strip() for cell in cells]
    values = [cell for cell in stripped if cell.lower() not in EMPTY_WORDS]
    read: Callable[[str], str | int | float | bool]
    if all(cell.lower() in ("true", "false") for cell in values):
        read = _boolean
    elif all(INTEGER.fullmatch(cell) for cell in values):
        read = int
    elif all(_is_float(cell) for cell in values):
        read = float
    else:
        _note_numbers(name, stripped, note)
        return [cell or None for cell in cells]
    words = [row for row, cell in enumerate(stripped, start=1) if cell and cell.lower() in EMPTY_WORDS]
    if words and not values:  # a column of nothing but such words
        return [cell or None for cell in cells]
    if words:
        first = words[0]
        note(
            f"the attribute {name!r} holds numbers or true and false: {len(words)} cells such as"
            f" {stripped[first - 1]!r} (row {first}) count as empty"
        )
    return [None if cell.lower() in EMPTY_WORDS else read(cell) for cell in stripped]


def _note_numbers(name: str, cells: Sequence[str], note: Callable[[str], None]) -> None:
    """Note a column of text of which at least half may be meant as numbers, unless it holds codes such as 007."""
    filled = [(row, cell) for row, cell in enumerate(cells, start=1) if cell.lower() not in EMPTY_WORDS]
    numbers = sum(ALMOST_NUMBER.fullmatch(cell) is not None for _, cell in filled)
    if 2 * numbers < len(filled) or any(cell.isdecimal() and not INTEGER.fullmatch(cell) for _, cell in filled):
        return
    row, cell = next((row, cell) for row, cell in filled if not _is_float(cell))
    note(
        f"the attribute {name!r} is text, because of {cell[:SHOWN_CHARACTERS]!r} in row {row}: filters on numbers do"
        " not find it; write numbers as 1299.90, or leave the cell empty"
    )


def _boolean(cell: str) -> bool:
    return cell.lower() == "true"


def _is_float(cell: str) -> bool:
    """Return whether a cell is a number; a whole number only if a float holds it exactly, so that no digit is lost."""
    if INTEGER.fullmatch(cell):
        return float(cell) == int(cell)
    return NUMBER.fullmatch(cell) is not None


def _jsonl(table: str, opened: IO[bytes], needed: Sequence[str]) -> Iterator[Record]:
    for number, record in enumerate(json_lines(table, opened), start=1):
        _check_names(f"{table}, row {number}", record, needed, "rename one of them, or add it")
        yield record


def parquet_folder(folder: str, *, needed: Sequence[str]) -> Iterator[Record]:
    """Yield the records of a folder of Parquet files as one table, by sorted path; folders named key=value add columns.

    Files and folders whose names begin with . or _ are passed over. Raises as `records`.
    """
    try:
        parts = dataset.dataset(folder, format="parquet", partitioning="hive")
        yield from _columns(folder, parts.schema, needed, lambda names: names, lambda names: parts.to_batches(names))
    except pyarrow.ArrowException as error:
        raise SourceError(f"{folder} is not a whole Parquet table ({error}): write or copy it again") from error


def _parquet(
    table: str, opened: IO[bytes], needed: Sequence[str], *, others: Callable[[Sequence[str]], Sequence[str]]
) -> Iterator[Record]:
    """Yield the rows with the needed columns and the `others` of all names."""
    try:
        with parquet.ParquetFile(opened) as file:
            yield from _columns(
                table, file.schema_arrow, needed, others, lambda names: file.iter_batches(columns=names)
            )
    except (OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the disk, not of Parquet
        raise SourceError(f"{table} is not a whole Parquet table ({error}): write or copy it again") from error


def _columns(
    table: str,
    schema: pyarrow.Schema,
    needed: Sequence[str],
    others: Callable[[Sequence[str]], Sequence[str]],
    batches: Callable[[list[str]], Iterator[pyarrow.RecordBatch]],
) -> Iterator[Record]:
    """Yield the rows of Arrow batches with the needed columns and the `others` of all names."""
    _check_columns(table, schema.names, needed)
    names = list(dict.fromkeys([*others(schema.names), *needed]))
    for batch in batches(names):
        columns = [cell_values(batch.column(name), f"{table}, column {name!r}") for name in names]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))
