"""CSV tables: the encoding, the separator and the header of a file, and the text of its cells."""

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import chain
from typing import IO

from models import table_header
from models.errors import SourceError

SEPARATORS = ",;\t|"
DECLARED = re.compile(r"sep=(.)\s*")  # as a first line, by which Excel tells itself the separator
MAX_CELL = 8 * 1024 * 1024  # characters; more are those of an open quote
START_BYTES = 64  # enough for the first name of a column
CHUNK_BYTES = 1024 * 1024
HIGH_BYTES = bytes(range(0x80, 0x100))
UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # bytes that Windows-1252 does not have
QUOTED = re.compile(r'"(?:[^"]|"")*"')  # a whole cell
NEARBY_BYTES = 16  # shown on both sides of the first letter that is no UTF-8

Fits = Callable[[Sequence[str]], bool]
Note = Callable[[str], None]


def lines(table: str, opened: IO[bytes], fits: Fits, note: Note) -> Iterator[list[str]]:
    """Yield the names of the columns, then the stripped cells of each row; nothing for an empty file.

    The separator is the one by which the header `fits`, or else the one that gives most columns. Rows without a filled
    cell are passed over, and so are columns without a name. Raises SourceError.
    """
    csv.field_size_limit(MAX_CELL)
    with TextIOWrapper(opened, encoding=_encoding(table, opened, note), newline="") as file:
        first = file.readline()
        declared = DECLARED.fullmatch(first)
        separator = declared[1] if declared else _separator(first, fits)
        text: Iterable[str] = file if declared else chain([first], file)
        rows = csv.reader(
            _requoted(text) if separator == "\t" else text, delimiter=separator, strict=True, skipinitialspace=True
        )
        try:
            header = [name.strip() for name in next(rows, [])]
            if not header:
                return
            named = [column for column, name in enumerate(header) if name]
            names = [header[column] for column in named]
            table_header.check_unique(table, names)
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
                f" {MAX_CELL} characters"
            ) from error


def _encoding(table: str, opened: IO[bytes], note: Note) -> str:
    """Return the encoding that the byte order mark names; without one UTF-8, or Windows-1252 if it is no UTF-8.

    On short tables, statistical detectors take German and French for Polish, or worse: Windows-1252, which holds all
    letters of Latin-1, is the one that Excel writes in Western Europe and America.
    """
    start = opened.read(START_BYTES)
    opened.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in start:  # of ASCII letters in UTF-16, every second byte is zero
        for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
            if 2 * zeros.count(0) > len(zeros) and start.count(0) == zeros.count(0):
                return encoding
        raise SourceError(f"{table} has zero bytes and is no text in UTF-8: write it again as UTF-8")
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        while chunk := opened.read(CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        note(f"{table} is not UTF-8 and was read as Windows-1252, as in {_windows(table, opened, error)!r}")
        return "cp1252"
    finally:
        opened.seek(0)
    return "utf-8-sig"


def _windows(table: str, opened: IO[bytes], error: UnicodeDecodeError) -> str:
    """Return the text around the first letter of Windows-1252; raises SourceError if the bytes are not in it."""
    opened.seek(0)
    letters = others = 0  # of UTF-8, and bytes that are in none
    nearby = ""
    while chunk := opened.read(CHUNK_BYTES):
        found: list[bytes] = UTF8_LETTER.findall(chunk)
        letters += len(found)
        others += len(chunk) - len(chunk.translate(None, HIGH_BYTES)) - sum(map(len, found))
        if letters > others or NOT_WINDOWS.search(chunk):  # a damaged table in UTF-8, or another encoding
            raise SourceError(f"{table} is not UTF-8 ({error}): write it again as UTF-8 (Excel: CSV UTF-8)") from error
        if not nearby and (high := re.search(rb"[\x80-\xff]", chunk)):
            near = chunk[max(0, high.start() - NEARBY_BYTES) : high.end() + NEARBY_BYTES].decode("cp1252")
            nearby = next(line for line in re.split(r"[\r\n\t;|,\"]", near) if not line.isascii()).strip()
    return nearby


def _separator(header: str, fits: Fits) -> str:
    """Return the separator by which the header fits, or else the one that gives most columns."""
    counts: dict[str, int] = {}
    for separator in SEPARATORS:
        try:
            names = next(csv.reader([header], delimiter=separator, strict=True, skipinitialspace=True), [])
        except csv.Error:  # as of quotes beside another separator
            continue
        if fits([name.strip() for name in names]):
            return separator
        counts[separator] = len(names)
    return max(counts, key=counts.__getitem__, default=",")


def _requoted(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a table with tabs, cells such as "Best" coat put into quotes: feeds quote only some cells."""
    tabs = -1  # of the header; a line with fewer or more may be part of a quoted cell
    for line in lines:
        tabs = line.count("\t") if tabs < 0 else tabs
        if '"' in line and line.count("\t") == tabs:
            text = line.rstrip("\r\n")
            line = "\t".join(map(_quoted, text.split("\t"))) + line[len(text) :]
        yield line


def _quoted(cell: str) -> str:
    """Return a cell that begins with a quoted word in quotes, and any other as it is."""
    text = cell.strip(" ")
    if not text.startswith('"') or text.count('"') % 2 or QUOTED.fullmatch(text):
        return cell
    return '"' + text.replace('"', '""') + '"'


def _filled(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yield the stripped cells of the rows that have a filled one."""
    for row in rows:
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield cells


def _fitted(cells: list[str], columns: int, place: str, separator: str) -> list[str]:
    """Return as many cells as columns; raises SourceError unless all that are too many are empty."""
    if len(cells) < columns or any(cells[columns:]):
        mend = "give it its empty cells" if len(cells) < columns else "quote cells that hold it"
        raise SourceError(
            f"{place} has {len(cells)} cells for {columns} columns, which {separator!r} separates: {mend}"
        )
    return cells[:columns]
