"""Tables to records: the columns of a file become typed attributes with the names that a gallery needs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from index.sources.feeds import shapes, xml_items
from index.sources.feeds.cell_types import Row, typed
from index.sources.feeds.column_names import IMAGES, ColumnNames
from models import csv_tables, tables
from models.csv_tables import Note
from models.tables import Record

CACHED_KEYS = 256  # sets of keys of objects, of which a table has few


def records(
    table: str, file: IO[bytes], *, needed: Sequence[str], columns: Mapping[str, str], note: Note
) -> Iterator[Record]:
    """Yield the records of the table in file order; the suffix of its name says how to read it.

    `columns` maps names of attributes to those of columns. The `needed` attributes must exist; in CSV they stay text.
    Every other column of CSV or XML gets the type that fits all its cells: true/false, int, float, text or lists of
    texts; `note` gets a sentence for a column that may be meant otherwise. Exports of shop programs are recognised, and
    become a record a product. Raises SourceError with file, row and column, and OSError from the disk.
    """
    names = ColumnNames(columns, needed)
    with tables.unpacked(table, file) as (format, opened):
        match format:
            case "csv":
                yield from _csv(table, opened, columns, needed, note)
            case "xml":
                yield from _xml(table, opened, columns, needed, note)
            case "jsonl":
                yield from _jsonl(table, opened, names, needed, note)
            case _:
                yield from _parquet(table, opened, names, note)


def _csv(
    table: str, opened: IO[bytes], columns: Mapping[str, str], needed: Sequence[str], note: Note
) -> Iterator[Record]:
    names = ColumnNames(columns, needed)
    lines = csv_tables.lines(
        table, opened, lambda header: names.fits(header) or shapes.recognised(header) is not None, note
    )
    header = next(lines, None)
    if header is None:
        return
    shape = shapes.recognised(header)
    if shape is not None:
        names = ColumnNames(columns, needed, shape.columns_of(header), others=shape.others)
    names.check(table, header, note)
    places = {target: header.index(column) for target, column in names.chosen(header).items()}
    rows: Iterator[Row] = ({target: cells[place] for target, place in places.items()} for cells in lines)
    if shape is not None:
        note(f"{table} is read as a {shape.title}")
        rows = shape.products(rows, note)
    yield from typed(rows, {*needed, IMAGES, *(shape.texts if shape else ())}, note)


def _xml(
    table: str, opened: IO[bytes], columns: Mapping[str, str], needed: Sequence[str], note: Note
) -> Iterator[Record]:
    names = ColumnNames(columns, needed, shapes.GOOGLE.columns)
    present: dict[str, None] = {}

    def renamed() -> Iterator[Row]:
        for item in xml_items.items(table, opened, note):
            present.update(dict.fromkeys(item))
            yield {target: item[column] for target, column in names.chosen(list(item)).items()}
        names.check(table, list(present), note)

    note(f"{table} is read as a {shapes.GOOGLE.title}")
    yield from typed(shapes.GOOGLE.products(renamed(), note), {*needed, IMAGES, *shapes.GOOGLE.texts}, note)


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
