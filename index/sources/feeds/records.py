"""Tables to records: the columns of a file become typed attributes with the names that a gallery needs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from index.sources.feeds.cell_types import Note, typed
from index.sources.feeds.column_names import ColumnNames
from models import csv_tables, tables
from models.tables import Record

CACHED_KEYS = 256  # sets of keys of objects, of which a table has few


def records(
    table: str, file: IO[bytes], *, needed: Sequence[str], columns: Mapping[str, str], note: Note
) -> Iterator[Record]:
    """Yield the records of the table in file order; the suffix of its name says how to read it.

    `columns` maps names of attributes to those of columns. The `needed` attributes must exist; in CSV they stay text.
    Every other CSV column gets the type that fits all its cells: true/false, int, float or text; `note` gets a sentence
    for a column that may be meant otherwise. Raises SourceError with file, row and column, and OSError from the disk.
    """
    names = ColumnNames(columns, needed)
    with tables.unpacked(table, file) as (format, opened):
        match format:
            case "csv":
                yield from typed(_csv(table, opened, names, note), needed, note)
            case "jsonl":
                yield from _jsonl(table, opened, names, needed, note)
            case _:
                yield from _parquet(table, opened, names, note)


def _csv(table: str, opened: IO[bytes], names: ColumnNames, note: Note) -> Iterator[Mapping[str, str]]:
    lines = csv_tables.lines(table, opened, names.fits, note)
    header = next(lines, None)
    if header is None:
        return
    names.check(table, header, note)
    places = {target: header.index(column) for target, column in names.chosen(header).items()}
    for cells in lines:
        yield {target: cells[place] for target, place in places.items()}


def _jsonl(table: str, opened: IO[bytes], names: ColumnNames, needed: Sequence[str], note: Note) -> Iterator[Record]:
    """Yield the objects; a needed key that some lack is None there."""
    present: dict[str, None] = {}
    known: dict[tuple[str, ...], dict[str, str]] = {}
    for record in tables.json_lines(table, opened):
        keys = tuple(record)
        if keys not in known:
            present |= dict.fromkeys(keys)
            if len(known) == CACHED_KEYS:
                known.clear()
            known[keys] = names.chosen(keys)
        yield {**dict.fromkeys(needed), **{target: record[key] for target, key in known[keys].items()}}
    if present:
        names.check(table, list(present), note)


def _parquet(table: str, opened: IO[bytes], names: ColumnNames, note: Note) -> Iterator[Record]:
    chosen: dict[str, str] = {}

    def read(present: Sequence[str]) -> Sequence[str]:
        names.check(table, present, note)
        chosen.update(names.chosen(present))
        return list(chosen.values())

    for row in tables.parquet_rows(table, opened, read):
        yield {target: row[column] for target, column in chosen.items()}
