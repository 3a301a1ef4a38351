"""Sources to rows: a folder of pictures or a table, read as (id, image, attributes)."""

import csv
import http.client
import json
import math
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from pyarrow import parquet

from models.errors import ImageTooLarge, SourceError, UnreadableImage

Value = str | int | float | bool | None

MAX_IMAGE_BYTES = 32 * 1024 * 1024
FETCH_TIMEOUT_S = 20.0

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")  # "007" stays text: article numbers keep their zeros
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One thing to index. `image` is an absolute path or an http(s) URL, or "" where the source names none."""

    id: str
    image: str
    attributes: Mapping[str, Value]


def rows(source: Path) -> Iterator[SourceRow]:
    """The rows of a folder of pictures or of a CSV, JSONL or Parquet table, in the order of the source.

    A folder is read recursively, by sorted path; a picture's id is its relative path without suffix, and another
    file keeps its suffix, so that it is reported as no picture. Hidden files are passed over. A table has the
    columns `id` and `image` (relative to the table's folder, absolute, or a URL); the others are attributes.
    Raises SourceError.
    """
    found = _folder(source) if source.is_dir() else _table(source)
    seen: dict[str, str] = {}
    for row in found:
        if row.id in seen:
            raise SourceError(
                f"{source} has the id {row.id!r} twice, for {seen[row.id] or 'no image'} and for"
                f" {row.image or 'no image'}: make the ids unique"
            )
        seen[row.id] = row.image
        yield row
    if not seen:
        raise SourceError(f"{source} has no rows: name a folder with pictures or a table with at least one row")


def read_image(row: SourceRow, *, max_image_bytes: int = MAX_IMAGE_BYTES, timeout_s: float = FETCH_TIMEOUT_S) -> bytes:
    """The bytes of the row's picture, from disk or fetched; `timeout_s` bounds the whole fetch.

    Raises UnreadableImage where there is nothing to read and ImageTooLarge above the limit.
    """
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


def _folder(folder: Path) -> Iterator[SourceRow]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts) or path.is_dir():
            continue
        named = relative.with_suffix("") if relative.suffix.lower() in PICTURE_SUFFIXES else relative
        yield SourceRow(named.as_posix(), str(path.resolve()), {})


def _table(table: Path) -> Iterator[SourceRow]:
    if not table.is_file():
        raise SourceError(f"{table} is neither a folder nor a file: check the path")
    reader = READERS.get(table.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{table} has the suffix {table.suffix!r}: name a folder of pictures or a {', '.join(READERS)} table"
        )
    base = table.parent.resolve()
    try:
        for number, record in enumerate(reader(table), start=1):
            yield _row(record, base, f"{table}, row {number}")
    except (OSError, UnicodeDecodeError, csv.Error, pyarrow.ArrowException) as error:
        raise SourceError(f"{table} cannot be read as a table ({error}): write it again as UTF-8") from error


def _row(record: Mapping[str, object], base: Path, where: str) -> SourceRow:
    for column in ("id", "image"):
        if column not in record:
            raise SourceError(f"{where} has no column {column!r}: name the columns id and image")
    id = record["id"]
    if isinstance(id, bool) or not isinstance(id, str | int) or id == "":
        raise SourceError(f"{where} has the id {id!r}: give every row an id that is text or a whole number")
    image = record["image"]
    if not isinstance(image, str | None):
        raise SourceError(f"{where} has the image {image!r}: give a path or a URL as text")
    attributes = {
        name: _value(value, f"{where}, column {name!r}")
        for name, value in record.items()
        if name not in ("id", "image")
    }
    return SourceRow(str(id), _located(image or "", base), attributes)


def _located(image: str, base: Path) -> str:
    if not image or "://" in image:
        return image
    return str(base / image)  # an absolute image replaces the base


def _value(value: object, where: str) -> Value:
    if isinstance(value, float) and math.isnan(value):
        return None  # how data frames write a missing number
    if isinstance(value, float) and math.isinf(value):
        raise SourceError(f"{where} is infinite: give a finite number or leave it empty")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise SourceError(f"{where} holds a {type(value).__name__}: give text, a number, true or false, or nothing")


def _csv(table: Path) -> Iterator[Mapping[str, object]]:
    """The records of a CSV table; a column whose every cell reads as true/false, int or float gets that type."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        header = next(lines, [])
        if len(set(header)) < len(header):
            raise SourceError(f"{table} names a column twice: make the column names unique")
        cells: list[list[str]] = []
        for line in lines:
            if not line:
                continue  # an empty line
            if len(line) != len(header):
                raise SourceError(
                    f"{table}, row {len(cells) + 1} has {len(line)} cells for {len(header)} columns: quote its commas"
                )
            cells.append(line)
    columns = [
        [cell or None for cell in column] if name in ("id", "image") else _typed(column)
        for name, column in zip(header, zip(*cells, strict=True), strict=False)
    ]
    for values in zip(*columns, strict=True):
        yield dict(zip(header, values, strict=True))


def _typed(column: Iterable[str]) -> list[Value]:
    cells = list(column)
    filled = [cell for cell in cells if cell]
    read: Callable[[str], Value] = str
    if all(cell.lower() in ("true", "false") for cell in filled):
        read = _boolean
    elif all(INTEGER.fullmatch(cell) for cell in filled):
        read = int
    elif all(NUMBER.fullmatch(cell) for cell in filled):
        read = float
    return [read(cell) if cell else None for cell in cells]


def _boolean(cell: str) -> bool:
    return cell.lower() == "true"


def _jsonl(table: Path) -> Iterator[Mapping[str, object]]:
    with table.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise SourceError(f"{table}, line {number} is not JSON ({error}): write one object a line") from error
            if not isinstance(record, dict):
                raise SourceError(f"{table}, line {number} is not a JSON object: write one object a line")
            yield record


def _parquet(table: Path) -> Iterator[Mapping[str, object]]:
    with parquet.ParquetFile(table) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise SourceError(f"{table} names a column twice: make the column names unique")
        for batch in file.iter_batches():
            yield from batch.to_pylist()


READERS: Mapping[str, Callable[[Path], Iterator[Mapping[str, object]]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}


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
