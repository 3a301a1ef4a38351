"""Captioned pictures in a CSV, JSONL or Parquet table: a column of paths relative to the table, and one of captions."""

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow
from pyarrow import parquet

from models.errors import InputError
from training.data.formats import jsonl
from training.data.images import Images, located
from training.data.rows import Captioned, Flaw, LoadedRows
from training.data.texts import Texts

SUFFIXES = (".csv", ".jsonl", ".parquet")


def find(path: Path, *, image: str = "image", caption: str = "caption") -> LoadedRows[Captioned]:
    """The captioned pictures of a table; a row is called by its number and its image.

    Raises InputError for a table that cannot be read as one.
    """
    names: list[str] = []
    paths: list[str] = []
    captions: list[str] = []
    flaws: list[Flaw] = []
    for number, (picture, text) in enumerate(cells(path, image, caption), start=1):
        name = f"{number}:{picture}"
        file = located([path.parent], picture) if picture else None
        if file is None:
            flaws.append(Flaw(name, "no picture", picture))
        elif not text:
            flaws.append(Flaw(name, "blank caption"))
        else:
            names.append(name)
            paths.append(str(file))
            captions.append(text)
    rows = Captioned(Images.of_files(names, paths), Texts.of(captions))
    return LoadedRows(source=str(path), rows=rows, flaws=tuple(flaws))


def cells(path: Path, *columns: str) -> Iterator[tuple[str, ...]]:
    """The cells of the columns as stripped text, "" where one is empty."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} has the suffix {path.suffix!r}: name a {', '.join(SUFFIXES)} table")
    read = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}[path.suffix]
    try:
        for cells in read(path, columns):
            yield tuple("" if cell is None else str(cell).strip() for cell in cells)
    except (OSError, ValueError, csv.Error, pyarrow.ArrowException) as error:
        raise InputError(f"{path} cannot be read as a table ({error}): write it again as UTF-8") from error


def _csv(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        _check(path, columns, header)
        places = [header.index(column) for column in columns]
        for number, cells in enumerate(filter(None, reader), start=1):
            if len(cells) != len(header):
                raise InputError(
                    f"{path}, row {number} has {len(cells)} cells for {len(header)} columns: quote its commas"
                )
            yield tuple(cells[place] for place in places)


def _jsonl(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    for row in jsonl.records(path):
        _check(path, columns, row)
        yield tuple(row[column] for column in columns)


def _parquet(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    with parquet.ParquetFile(path) as file:
        _check(path, columns, file.schema_arrow.names)
        for batch in file.iter_batches(columns=list(columns)):
            yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)


def _check(path: Path, columns: tuple[str, ...], there: Collection[str]) -> None:
    missing = [column for column in columns if column not in there]
    if missing:
        names = ", ".join(map(repr, there)) or "none"
        raise InputError(
            f"{path} has no column {missing[0]!r}, its columns are {names}: say which hold the image and the caption"
        )
