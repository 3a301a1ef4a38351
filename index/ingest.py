"""Sources to rows: a folder of pictures or a table, read as (id, image, attributes)."""

import http.client
import math
import os
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from datetime import time as time_of_day
from decimal import Decimal
from itertools import islice
from pathlib import Path

from index import tables
from models.errors import ImageTooLarge, SourceError, UnreadableImage

Value = str | int | float | bool | None

MAX_IMAGE_BYTES = 32 * 1024 * 1024
FETCH_TIMEOUT_S = 20.0
LISTED_ROWS = 10

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
NO_TEXT = "half a character that UTF-8 cannot hold: write it again as whole text"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One thing to index. `image` is an absolute path or an http(s) URL, or "" where the source names none.

    Attributes are text, numbers, booleans, or None where a cell is empty; a date is ISO text. `problem` says why the
    picture cannot be used, where that is known before it is read.
    """

    id: str
    image: str
    attributes: Mapping[str, Value]
    problem: str = ""


def rows(source: Path, *, without: Sequence[Path] = ()) -> Iterator[SourceRow]:
    """The rows of a folder of pictures or of a CSV, JSONL or Parquet table, in the order of the source.

    A folder is read recursively, by sorted path; a picture's id is its relative path without suffix, or with it where
    two files would share the id, and another file keeps its suffix, so that it is reported as no picture. Hidden files
    are passed over, and what lies at or below the paths `without`. A table has the columns `id` and `image` (relative
    to the table's folder, absolute, or a URL); the others are attributes: text, numbers, booleans, dates (which become
    ISO text) or empty.
    All ids, images and attributes encode to UTF-8. Raises SourceError, for missing and repeated ids after the last row.
    """
    try:
        if not source.is_dir() and not source.is_file():
            raise SourceError(f"{source} is neither a folder nor a file: check the path")
        if not is_utf8(str(source.resolve())):  # the path of every picture would hold it, and the manifest
            raise SourceError(f"the path {escaped(source)} is not UTF-8: rename the source, or the folder it lies in")
        yield from _any(source, _folder(source, without) if source.is_dir() else _table(source))
    except OSError as error:
        raise SourceError(f"{source} cannot be read ({error}): check the path and its permissions") from error


def read_image(row: SourceRow, *, max_image_bytes: int = MAX_IMAGE_BYTES, timeout_s: float = FETCH_TIMEOUT_S) -> bytes:
    """The bytes of the row's picture, from disk or fetched; `timeout_s` bounds the whole fetch.

    Raises UnreadableImage where there is nothing to read and ImageTooLarge above the limit.
    """
    if row.problem:
        raise UnreadableImage(row.problem)
    if not row.image:
        raise UnreadableImage("the row names no image: fill its image column")
    if is_url(row.image):
        return _fetch(row.image, max_image_bytes=max_image_bytes, timeout_s=timeout_s)
    if "://" in row.image:
        raise UnreadableImage(f"{row.image} cannot be fetched: only paths and http(s) URLs can")
    try:
        with Path(row.image).open("rb") as file:
            data = file.read(max_image_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise UnreadableImage(f"{row.image} cannot be read ({error}): check the path") from error
    return _capped(data, row.image, max_image_bytes)


def is_url(image: str) -> bool:
    """True for what is fetched over the network."""
    return image.lower().startswith(("http://", "https://"))


def is_utf8(text: str) -> bool:
    """False for text with lone surrogates: Python's sign for a file name's foreign bytes, or a broken JSON escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escaped(path: Path) -> str:
    r"""The path as text that can be shown and written, each foreign byte as in caf\xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _any(source: Path, found: Iterator[SourceRow]) -> Iterator[SourceRow]:
    """The rows as they come; raises SourceError where there are none."""
    empty = True
    for row in found:
        empty = False
        yield row
    if empty:
        raise SourceError(f"{source} has no rows: name a folder with pictures or a table with at least one row")


def _folder(folder: Path, without: Sequence[Path]) -> Iterator[SourceRow]:
    base = folder.resolve()
    left_out = [path.parent.resolve() / path.name for path in without]
    files: list[Path] = []
    for path in sorted(base.rglob("*")):
        relative = path.relative_to(base)
        if any(part.startswith(".") for part in relative.parts) or path.is_dir():
            continue
        if any(path.is_relative_to(other) for other in left_out):
            continue
        files.append(relative)
    # a short name that is also another's short or whole name is nobody's id, and whole names are unique
    claims = Counter(name for relative in files for name in {relative, _short(relative)})
    for relative in files:
        named = _short(relative) if claims[_short(relative)] == 1 else relative
        if is_utf8(str(relative)):
            yield SourceRow(named.as_posix(), str(base / relative), {})
        else:
            problem = "the file's name is not UTF-8: rename it"
            yield SourceRow(escaped(named), escaped(base / relative), {}, problem=problem)


def _short(relative: Path) -> Path:
    return relative.with_suffix("") if relative.suffix.lower() in PICTURE_SUFFIXES else relative


def _table(table: Path) -> Iterator[SourceRow]:
    base = table.parent.resolve()
    first: dict[str, int] = {}  # the row that has an id first
    empty: list[int] = []
    repeated: list[tuple[int, str]] = []
    for number, record in enumerate(tables.records(table), start=1):
        row = _row(record, base, f"{table}, row {number}")
        if not row.id:
            empty.append(number)
        elif first.setdefault(row.id, number) != number:
            repeated.append((number, row.id))
        yield row
    wrong: list[str] = []
    if empty:
        wrong.append(f"no id in {_listed(len(empty), map(str, empty))}")
    if repeated:
        each = (f"{number} ({id!r}, as row {first[id]})" for number, id in repeated)
        wrong.append(f"an id of an earlier row in {_listed(len(repeated), each)}")
    if wrong:
        raise SourceError(f"{table} has {' and '.join(wrong)}: give every row an id of its own")


def _listed(count: int, rows: Iterable[str]) -> str:
    shown = ", ".join(islice(rows, LISTED_ROWS))
    return f"{count} {'row' if count == 1 else 'rows'}: {shown}{', …' if count > LISTED_ROWS else ''}"


def _row(record: Mapping[str, object], base: Path, where: str) -> SourceRow:
    tables.check_names(where, record)
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
        name: _value(value, f"{where}, column {name!r}") for name, value in record.items() if name not in tables.NEEDED
    }
    for name, value in attributes.items():
        if not is_utf8(name) or (isinstance(value, str) and not is_utf8(value)):
            raise SourceError(f"{where}, column {name!r} has the text {value!r}, {NO_TEXT}")
    return SourceRow(str(id), _located(image or "", base), attributes)


def _located(image: str, base: Path) -> str:
    if not image or "://" in image:
        return image
    return str(base / image)  # an absolute image replaces the base


def _value(value: object, where: str) -> Value:
    if isinstance(value, date | time_of_day):
        return value.isoformat()
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and math.isnan(value):
        return None  # how data frames write a missing number
    if isinstance(value, float) and math.isinf(value):
        raise SourceError(f"{where} is infinite: give a finite number or leave it empty")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise SourceError(f"{where} holds a {type(value).__name__}: give text, a number, a date, true or false, or nothing")


def _fetch(url: str, *, max_image_bytes: int, timeout_s: float) -> bytes:
    request = urllib.request.Request(url, headers={"User-Agent": "likebut", "Accept": "image/*"})
    end = time.monotonic() + timeout_s
    data = bytearray()
    try:
        with _opener().open(request, timeout=timeout_s) as response:
            while len(data) <= max_image_bytes:
                part = response.read1(65536)
                if not part:
                    break
                data += part
                if time.monotonic() > end:  # a socket's own timeout starts anew with every byte
                    raise TimeoutError(f"more than {timeout_s:g} s")
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
        raise UnreadableImage(f"{url} cannot be fetched ({error}): check the address") from error
    return _capped(bytes(data), url, max_image_bytes)


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https only: the usual opener would follow a redirect to ftp, and read files."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _capped(data: bytes, name: str, max_image_bytes: int) -> bytes:
    if len(data) > max_image_bytes:
        raise ImageTooLarge(f"{name} has more than {max_image_bytes} bytes: make the image smaller")
    return data
