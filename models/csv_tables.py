"""CSV tables: the encoding, the separator and the header of a file, and one type for the cells of each column."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from itertools import chain
from typing import IO

from models import table_header
from models.errors import SourceError

SEPARATORS = ",;\t|"
DECLARED = re.compile(r"sep=(.)\s*")  # as a first line, by which Excel tells itself the separator
START_BYTES = 64  # enough for the first name of a column
SHOWN_CHARACTERS = 60

EXACT = 2**53  # up to it every program keeps the digits of a whole number
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")  # "007" stays text: article numbers keep their zeros
# an exponent without a decimal point needs its sign, as programs write it: 12E4 is an article number
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]+([eE][-+]?[0-9]{1,2})?|[eE][-+][0-9]{1,2})")
# among numbers and booleans, other programs' words for an empty cell, in lower case; among texts they are texts
EMPTY_WORDS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "-", "--", "–", "—"})
ALMOST_NUMBER = re.compile(  # as in 1.299,00 €
    r"([€$£¥₹]\s?|[A-Z]{3}\s)?-?([0-9]{1,3}([.,' \u00a0\u202f][0-9]{3})+|[0-9]+)([.,][0-9]+)?"
    r"(\s?[€$£¥₹%]|\s[a-zA-Zł]{2,3})?"
)

Cell = str | int | float | bool | None
Note = Callable[[str], None]


def lines(table: str, opened: IO[bytes], needed: Sequence[str], note: Note) -> Iterator[list[str]]:
    """Yield the names of the columns, then the stripped cells of each row; nothing for an empty file.

    Rows without a filled cell are passed over, and so are columns without a name. Raises SourceError.
    """
    with TextIOWrapper(opened, encoding=_encoding(table, opened), newline="") as file:
        first = file.readline()
        declared = DECLARED.fullmatch(first)
        separator = declared[1] if declared else _separator(first, needed)
        rows = csv.reader(
            file if declared else chain([first], file), delimiter=separator, strict=True, skipinitialspace=True
        )
        try:
            header = [name.strip() for name in next(rows, [])]
            if not header:
                return
            named = [column for column, name in enumerate(header) if name]
            names = [header[column] for column in named]
            table_header.check(table, names, needed)
            yield names
            unnamed = set(range(len(header))) - set(named)
            for number, row in enumerate(_filled(rows), start=1):
                cells = _fitted(row, len(header), f"{table}, row {number}", separator)
                if unnamed and (filled := [column for column in unnamed if cells[column]]):
                    note(f"column {filled[0] + 1} of {table} was left out: it has no name, but cells (row {number})")
                    unnamed.difference_update(filled)
                yield cells if len(named) == len(header) else [cells[column] for column in named]
        except csv.Error as error:
            raise SourceError(
                f"{table}, line {rows.line_num} cannot be read ({error}): close its quotes and keep each cell under"
                f" {csv.field_size_limit()} characters"
            ) from error


def typed(lines: Iterator[list[str]], needed: Sequence[str], note: Note) -> Iterator[Mapping[str, object]]:
    """Yield the rows with cells of one type a column, None for an empty cell; the `needed` columns stay text."""
    header = next(lines, [])
    codes: dict[str, str] = {}
    columns = [
        [cell or None for cell in column] if name in needed else _typed_cells(name, column, note, codes)
        for name, column in zip(header, zip(*lines, strict=True), strict=False)  # no columns if there are no rows
    ]
    if codes:
        shown = ", ".join(f"{name!r} ({place})" for name, place in codes.items())
        note(f"a number would lose digits of these attributes, so they are text: {shown}")
    for values in zip(*columns, strict=True):
        yield dict(zip(header, values, strict=True))


def is_integer(cell: str) -> bool:
    """Return whether a cell is a whole number of which no program loses a digit, and no code such as 007."""
    return INTEGER.fullmatch(cell) is not None and abs(int(cell)) <= EXACT


def _encoding(table: str, opened: IO[bytes]) -> str:
    """The encoding that the byte order mark names, or UTF-8."""
    start = opened.read(START_BYTES)
    opened.seek(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start:
        raise SourceError(f"{table} has zero bytes and is no text in UTF-8: write it again as UTF-8")
    return "utf-8-sig"


def _separator(header: str, needed: Sequence[str]) -> str:
    """The separator by which the header has the needed columns, or else the one that gives most columns."""
    counts: dict[str, int] = {}
    for separator in SEPARATORS:
        try:
            names = next(csv.reader([header], delimiter=separator, strict=True, skipinitialspace=True), [])
        except csv.Error:  # as of quotes beside another separator
            continue
        if {name.strip() for name in names}.issuperset(needed):
            return separator
        counts[separator] = len(names)
    return max(counts, key=counts.__getitem__, default=",")


def _filled(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yield the stripped cells of the rows that have a filled one."""
    for row in rows:
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield cells


def _fitted(cells: list[str], columns: int, place: str, separator: str) -> list[str]:
    """Return as many cells as columns; raises SourceError unless all that are too many are empty."""
    if len(cells) < columns or any(cells[columns:]):
        raise SourceError(
            f"{place} has {len(cells)} cells for {columns} columns, which {separator!r} separates: quote cells that"
            " hold it"
        )
    return cells[:columns]


def _typed_cells(name: str, cells: Sequence[str], note: Note, codes: dict[str, str]) -> list[Cell]:
    """Return the cells with the one type that fits every filled cell; `codes` gets the place of one in a text."""
    values = [cell for cell in cells if cell.lower() not in EMPTY_WORDS]
    read: Callable[[str], str | int | float | bool]
    if all(cell.lower() in ("true", "false") for cell in values):
        read = _boolean
    elif all(map(is_integer, values)):
        read = int
    elif all(map(_is_number, values)):
        read = float
    else:
        _note_numbers(name, cells, note, codes)
        return [cell or None for cell in cells]
    words = [row for row, cell in enumerate(cells, start=1) if cell and cell.lower() in EMPTY_WORDS]
    if words:
        first = words[0]
        held = "numbers or true and false" if values else "nothing else"
        note(
            f"the attribute {name!r} holds {held}: {len(words)} cells such as {cells[first - 1]!r} (row {first}) count"
            " as empty"
        )
    return [None if cell.lower() in EMPTY_WORDS else read(cell) for cell in cells]


def _note_numbers(name: str, cells: Sequence[str], note: Note, codes: dict[str, str]) -> None:
    """Note a column of text of which at least half may be meant as numbers; codes such as 007 go into `codes`."""
    filled = [(row, cell) for row, cell in enumerate(cells, start=1) if cell.lower() not in EMPTY_WORDS]
    numbers = sum(ALMOST_NUMBER.fullmatch(cell) is not None for _, cell in filled)
    if 2 * numbers < len(filled):
        return
    code = next(((row, cell) for row, cell in filled if cell.isdecimal() and not is_integer(cell)), None)
    if code is not None:
        codes[name] = f"{code[1][:SHOWN_CHARACTERS]!r} in row {code[0]}"
        return
    row, cell = next((row, cell) for row, cell in filled if not _is_number(cell))
    note(
        f"the attribute {name!r} is text, because of {cell[:SHOWN_CHARACTERS]!r} in row {row}: filters on numbers do"
        " not find it; write numbers as 1299.90, or leave the cell empty"
    )


def _boolean(cell: str) -> bool:
    return cell.lower() == "true"


def _is_number(cell: str) -> bool:
    return is_integer(cell) or NUMBER.fullmatch(cell) is not None
