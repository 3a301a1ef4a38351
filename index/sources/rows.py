"""Sources to rows: a folder of images or a table, read as (id, image, attributes)."""

import math
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from datetime import time as time_of_day
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO

from index.sources import object_stores
from models import tables
from models.errors import SourceError

Value = str | int | float | bool | list[str] | None  # of an attribute

NEEDED = ("id", "image")  # columns of a table; every other one is an attribute
LISTED_ROWS = 10
MAX_ID_CHARS = 1024  # percent-encoded, an id of so many must fit into the head of a request

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
NO_TEXT = "half a character that UTF-8 cannot hold: write it again as whole text"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One thing to index. `image` is an absolute path or a URL, or "" if the source names none.

    Attributes are text, numbers, booleans, lists of texts, or None if a cell is empty; a date is ISO text. `problem`
    says why the image cannot be used, if that is known before it is read. `content` is the SHA-256 of the image's bytes
    in hex, and `fingerprint` comes from `image_bytes` with them; both are "" if the image was not read.
    """

    id: str
    image: str
    attributes: Mapping[str, Value]
    problem: str = ""
    content: str = ""
    fingerprint: str = ""


def rows(source: Path | str, *, without: Sequence[Path] = ()) -> Iterator[SourceRow]:
    """The rows of a folder of images or of a CSV, JSONL or Parquet table, here or in a store, in the source's order.

    A folder is read recursively, by sorted path; an image's id is its relative path without suffix, or with it if
    two files would share the id. Another file keeps its suffix, and is reported as not an image. Hidden files
    are passed over, and what lies at or below the paths `without`. A table has the columns `id` and `image` (relative
    to the table's folder, absolute, or a URL); the others are attributes: text, numbers, booleans, dates (which become
    ISO text) or empty.
    All ids, images and attributes encode to UTF-8. Raises SourceError, for missing and repeated ids after the last row.
    """
    name = str(source)
    if object_stores.is_store(name):
        yield from _any(name, _store_folder(name) if object_stores.is_folder(name) else _store_table(name))
        return
    path = Path(source)
    try:
        if not path.is_dir() and not path.is_file():
            raise SourceError(f"{name} is neither a folder nor a file: check the path")
        if not is_utf8(str(path.resolve())):  # the paths of all images would contain it, and the manifest
            raise SourceError(f"the path {escaped(path)} is not UTF-8: rename the source, or the folder it lies in")
        yield from _any(name, _folder(path, without) if path.is_dir() else _table(path))
    except OSError as error:
        raise SourceError(f"{name} cannot be read ({error}): check the path and its permissions") from error


def id_problem(id: str) -> str:
    """The reason why an item cannot have that id, "" if it can: every id must be the last part of a URL's path."""
    if not id:
        return "it is empty"
    if not is_utf8(id):
        return f"it has {NO_TEXT}"
    if len(id) > MAX_ID_CHARS:
        return f"it has {len(id)} characters, and at most {MAX_ID_CHARS} are allowed"
    return "URLs cannot end with it: clients take . and .. out of a path" if id in (".", "..") else ""


def is_utf8(text: str) -> bool:
    """False for text with lone surrogates: Python's sign for a file name's foreign bytes, or a broken JSON escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escaped(path: Path | str) -> str:
    r"""The path as text that can be shown and written, each foreign byte as in caf\xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _any(source: str, found: Iterator[SourceRow]) -> Iterator[SourceRow]:
    """The rows as they come; raises SourceError if there are none."""
    empty = True
    for row in found:
        empty = False
        yield row
    if empty:
        raise SourceError(f"{source} has no rows: name a folder with images or a table with at least one row")


def _folder(folder: Path, without: Sequence[Path]) -> Iterator[SourceRow]:
    base = folder.resolve()
    left_out = {str(path.parent.resolve() / path.name) for path in without}
    if any(str(path) in left_out for path in (base, *base.parents)):
        return
    files = list(_files(str(base), left_out))
    for name, id in zip(files, _ids(files), strict=True):
        if is_utf8(name):
            yield SourceRow(id, f"{base}/{name}", {}, problem=_path_problem(id))
        else:
            problem = "the file's name is not UTF-8: rename it"
            yield SourceRow(escaped(id), escaped(f"{base}/{name}"), {}, problem=problem)


def _files(base: str, left_out: Collection[str]) -> list[str]:
    """The paths of all files below the folder, relative to it, in the order of their parts."""

    def fail(error: OSError) -> None:
        raise error  # a folder that is passed over would take its items out of the gallery

    files: list[str] = []
    for folder, folders, names in os.walk(base, onerror=fail):
        folders[:] = [name for name in folders if name[0] != "." and f"{folder}/{name}" not in left_out]
        start = f"{folder[len(base) + 1 :]}/" if folder != base else ""
        files += [
            start + name for name in names if name[0] != "." and not (left_out and f"{folder}/{name}" in left_out)
        ]
    return sorted(files, key=lambda name: name.replace("/", "\0"))  # part by part


def _ids(files: Sequence[str]) -> Iterator[str]:
    """Each file's short name, or its whole one if another file has the short one as its short or whole name."""
    shorts = [_short(file) for file in files]
    claims = Counter(shorts)
    claims.update(file for file, short in zip(files, shorts, strict=True) if file != short)
    for file, short in zip(files, shorts, strict=True):
        yield short if claims[short] == 1 else file


def _path_problem(id: str) -> str:
    problem = id_problem(id)
    return f"its path is no id, because {problem}: move or rename the file" if problem else ""


def _short(file: str) -> str:
    stem, dot, suffix = file.rpartition(".")
    return stem if f"{dot}{suffix.lower()}" in PICTURE_SUFFIXES else file


def _store_folder(folder: str) -> Iterator[SourceRow]:
    found = [
        each for each in object_stores.objects(folder) if not any(part[:1] == "." for part in each.name.split("/"))
    ]
    found.sort(key=lambda each: each.name.replace("/", "\0"))
    for each, id in zip(found, _ids([each.name for each in found]), strict=True):
        problem = _path_problem(id) if is_utf8(each.url) else "the file's name is not UTF-8: rename it"
        yield SourceRow(escaped(id), escaped(each.url), {}, problem=problem, fingerprint=each.fingerprint)


def _store_table(table: str) -> Iterator[SourceRow]:
    folder = table.rpartition("/")[0]
    with object_stores.copied(table) as file:
        yield from _rows(table, file, lambda image: object_stores.joined(folder, image))


def _table(table: Path) -> Iterator[SourceRow]:
    base = table.parent.resolve()
    with table.open("rb") as file:
        yield from _rows(str(table), file, lambda image: str(base / image))  # an absolute image replaces the base


def _rows(table: str, file: IO[bytes], locate: Callable[[str], str]) -> Iterator[SourceRow]:
    """The rows of an opened table; `locate` makes an address of a path in it."""
    first: dict[str, int] = {}  # the row that has an id first
    empty: list[int] = []
    repeated: list[tuple[int, str]] = []
    unusable: list[tuple[int, str]] = []
    for number, record in enumerate(tables.records(table, file, needed=NEEDED), start=1):
        row = _row(record, locate, f"{table}, row {number}")
        if not row.id:
            empty.append(number)
        elif first.setdefault(row.id, number) != number:
            repeated.append((number, row.id))
        elif problem := id_problem(row.id):
            unusable.append((number, problem))
        yield row
    wrong: list[str] = []
    if empty:
        wrong.append(f"no id in {_listed(len(empty), map(str, empty))}")
    if repeated:
        each = (f"{number} ({id!r}, as row {first[id]})" for number, id in repeated)
        wrong.append(f"an id of an earlier row in {_listed(len(repeated), each)}")
    if unusable:
        each = (f"{number} ({problem})" for number, problem in unusable)
        wrong.append(f"an unusable id in {_listed(len(unusable), each)}")
    if wrong:
        raise SourceError(f"{table} has {' and '.join(wrong)}: give every row an id of its own")


def _listed(count: int, rows: Iterable[str]) -> str:
    shown = ", ".join(islice(rows, LISTED_ROWS))
    return f"{count} {'row' if count == 1 else 'rows'}: {shown}{', …' if count > LISTED_ROWS else ''}"


def _row(record: Mapping[str, object], locate: Callable[[str], str], where: str) -> SourceRow:
    id = "" if record["id"] is None else record["id"]
    if isinstance(id, bool) or not isinstance(id, str | int):
        raise SourceError(f"{where} has the id {id!r}: give every row an id that is text or a whole number")
    if not is_utf8(str(id)):
        raise SourceError(f"{where} has the id {id!r}, {NO_TEXT}")
    image = record["image"]
    if not isinstance(image, str | None):
        raise SourceError(f"{where} has the image {image!r}: give a path or a URL as text")
    if image and not is_utf8(image):
        raise SourceError(f"{where} has the image {image!r}, {NO_TEXT}")
    attributes = {
        name: attribute_value(value, f"{where}, column {name!r}")
        for name, value in record.items()
        if name not in NEEDED
    }
    for name, value in attributes.items():
        texts = value if isinstance(value, list) else [value]
        if not is_utf8(name) or not all(is_utf8(text) for text in texts if isinstance(text, str)):
            raise SourceError(f"{where}, column {name!r} has the text {value!r}, {NO_TEXT}")
    image = image or ""
    return SourceRow(str(id), image if not image or "://" in image else locate(image), attributes)


def attribute_value(cell: object, place: str) -> Value:
    """Return a cell of a table as the value of an attribute; raises SourceError, which names the place.

    An empty list and the NaN of a data frame are missing values, and a date is ISO text.
    """
    if isinstance(cell, date | time_of_day):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        cell = float(cell)
    if isinstance(cell, float) and math.isnan(cell):
        return None
    if isinstance(cell, float) and math.isinf(cell):
        raise SourceError(f"{place} is infinite: give a finite number or leave it empty")
    if isinstance(cell, list):
        if not all(isinstance(text, str) for text in cell):
            raise SourceError(f"{place} holds a list of other things than text: give every member as text")
        return list(dict.fromkeys(cell)) or None
    if cell is None or isinstance(cell, str | int | float | bool):
        return cell
    raise SourceError(
        f"{place} holds a {type(cell).__name__}: give text, a number, a date, true or false, a list of texts or nothing"
    )
