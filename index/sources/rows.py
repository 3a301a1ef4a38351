"""Sources to rows: a folder of images or a table, read as (id, image, attributes)."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from uuid import UUID

from index.sources import folders, image_cells, object_stores, table_parts
from index.sources.cells import EXACT, NO_TEXT, Cells, Value, is_utf8
from index.sources.feeds.records import records
from index.sources.folders import escaped
from index.sources.image_cells import MAX_IMAGES, FurtherImage
from models.csv_tables import Note
from models.errors import SourceError
from models.tables import Record

NEEDED = ("id", "image")  # columns of a table
OWN = frozenset({*NEEDED, image_cells.COLUMN})  # every other column is an attribute
NO_MAP: Mapping[str, str] = {}
LISTED_ROWS = 10
UPLOADED_TABLE = re.compile(r"^.*/tables/[0-9a-f]{64}(\.[a-z.]+)$")  # its digest says nothing to readers
MAX_ID_CHARS = 1024  # percent-encoded, an id of so many must fit into the head of a request

PICTURE_SUFFIXES = frozenset(
    {
        ".apng", ".avif", ".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpx", ".png", ".tif",
        ".tiff", ".webp",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One thing to index. `image` is an absolute path or a URL, or "" if the source names none.

    An item may have `further` images.
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
    further: tuple[FurtherImage, ...] = ()


def rows(
    source: Path | str,
    *,
    without: Sequence[Path] = (),
    columns: Mapping[str, str] = NO_MAP,
    note: Note = lambda sentence: None,
) -> Iterator[SourceRow]:
    """The rows of a folder of images or of a CSV, JSONL or Parquet table, here or in a store, in the source's order.

    A folder is read recursively, by sorted path; an image's id is its relative path without suffix, or with it if
    two files would share the id. Another file keeps its suffix, and is reported as not an image. Hidden files
    are passed over, and what lies at or below the paths `without`. A table has the columns `id` and `image` (relative
    to the table's folder, absolute, or a URL), or `images` for several of them; the others are attributes: text,
    numbers, booleans, dates (which become ISO text) or empty; `columns` maps names of attributes to those of columns.
    A folder of tables alone is one table.
    `note` gets a sentence for everything that is passed over or read in a way that may surprise.
    All ids, images and attributes encode to UTF-8. Raises SourceError, for missing and repeated ids after the last row.
    """
    name = str(source)
    if object_stores.is_store(name):
        yield from _any(name, _store(name, columns, note))
        return
    if name.lower().startswith(("http://", "https://")):
        raise SourceError(f"{name} is a URL: download the table, as deploy/feed.sh does, and name its file")
    path = Path(source)
    try:
        if not path.is_dir() and not path.is_file():
            raise SourceError(f"{name} is neither a folder nor a file: check the path")
        if not is_utf8(str(path.resolve())):  # the paths of all images would contain it, and the manifest
            raise SourceError(f"the path {escaped(path)} is not UTF-8: rename the source, or the folder it lies in")
        yield from _any(
            display_name(path), _folder(path, without, columns, note) if path.is_dir() else _table(path, columns, note)
        )
    except OSError as error:
        raise SourceError(f"{name} cannot be read ({error}): check the path and its permissions") from error


def display_name(source: Path | str) -> str:
    """Return the name of a source for people, who know nothing of the digest of an uploaded table."""
    return UPLOADED_TABLE.sub(r"uploaded table\1", str(source))


def id_problem(id: str) -> str:
    """The reason why an item cannot have that id, "" if it can: every id must be the last part of a URL's path."""
    if not id:
        return "it is empty"
    if not is_utf8(id):
        return f"it has {NO_TEXT}"
    if len(id) > MAX_ID_CHARS:
        return f"it has {len(id)} characters, and at most {MAX_ID_CHARS} are allowed"
    return "URLs cannot end with it: clients take . and .. out of a path" if id in (".", "..") else ""


def _any(source: str, found: Iterator[SourceRow]) -> Iterator[SourceRow]:
    """The rows as they come; raises SourceError if there are none."""
    empty = True
    for row in found:
        empty = False
        yield row
    if empty:
        raise SourceError(f"{source} has no rows: name a folder with images or a table with at least one row")


def _folder(folder: Path, without: Sequence[Path], columns: Mapping[str, str], note: Note) -> Iterator[SourceRow]:
    base = folder.resolve()
    left_out = {str(path.parent.resolve() / path.name) for path in without}
    if any(str(path) in left_out for path in (base, *base.parents)):
        return
    files = folders.files(str(base), left_out, note)
    if parts := table_parts.parts(files, note):
        found = table_parts.records(
            str(folder), parts, lambda part: (base / part).open("rb"), needed=NEEDED, columns=columns, note=note
        )
        yield from _rows(str(folder), found, _local(folder), note)
        return
    for name, id in zip(files, _ids(files), strict=True):
        if is_utf8(name):
            yield SourceRow(id, f"{base}/{name}", {}, problem=_path_problem(id))
        else:
            problem = "the file's name is not UTF-8: rename it"
            yield SourceRow(escaped(id), escaped(f"{base}/{name}"), {}, problem=problem)


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


def _store(source: str, columns: Mapping[str, str], note: Note) -> Iterator[SourceRow]:
    if object_stores.is_folder(source):
        yield from _store_folder(source, columns, note)
        return
    with object_stores.copied(source) as file:
        yield from _rows(
            source, records(source, file, needed=NEEDED, columns=columns, note=note), _stored(source), note
        )


def _store_folder(folder: str, columns: Mapping[str, str], note: Note) -> Iterator[SourceRow]:
    found = [
        each for each in object_stores.objects(folder) if not any(part[:1] == "." for part in each.name.split("/"))
    ]
    found.sort(key=lambda each: each.name.replace("/", "\0"))
    if parts := table_parts.parts([each.name for each in found], note):
        urls = {each.name: each.url for each in found}
        rows_of_parts = table_parts.records(
            folder, parts, lambda part: object_stores.copied(urls[part]), needed=NEEDED, columns=columns, note=note
        )
        yield from _rows(folder, rows_of_parts, _stored(folder), note)
        return
    for each, id in zip(found, _ids([each.name for each in found]), strict=True):
        problem = _path_problem(id) if is_utf8(each.url) else "the file's name is not UTF-8: rename it"
        yield SourceRow(escaped(id), escaped(each.url), {}, problem=problem, fingerprint=each.fingerprint)


def _table(table: Path, columns: Mapping[str, str], note: Note) -> Iterator[SourceRow]:
    name = display_name(table)
    with table.open("rb") as file:
        found = records(name, file, needed=NEEDED, columns=columns, note=note)
        yield from _rows(name, found, _local(table), note)


def _local(table: Path) -> Callable[[str], str]:
    # a link's own folder, not that of its target; "." and ".." have no folder in their names
    base = table.resolve().parent if table.name in ("", "..") else table.parent.resolve()
    return lambda image: str(base / image)  # an absolute image replaces the base


def _stored(table: str) -> Callable[[str], str]:
    folder = table.rstrip("/").rpartition("/")[0]
    return lambda image: object_stores.joined(folder, image)


def _rows(table: str, rows: Iterable[Record], locate: Callable[[str], str], note: Note) -> Iterator[SourceRow]:
    """The rows of a table; `locate` makes an address of a path in it."""
    cells = Cells()
    crowded: list[str] = []  # the ids of items with too many images
    first: dict[str, int] = {}  # the row that has an id first
    empty: list[int] = []
    repeated: list[tuple[int, str]] = []
    unusable: list[tuple[int, str]] = []
    for number, record in enumerate(rows, start=1):
        row = _row(record, locate, f"{table}, row {number}", cells)
        if len(row.further) >= MAX_IMAGES:
            crowded.append(row.id)
            row = replace(row, further=row.further[: MAX_IMAGES - 1])
        if not row.id:
            empty.append(number)
        elif first.setdefault(row.id, number) != number:
            repeated.append((number, row.id))
        elif problem := id_problem(row.id):
            unusable.append((number, problem))
        yield row
    for sentence in cells.notes():
        note(sentence)
    if crowded:
        note(
            f"{len(crowded)} items have more than {MAX_IMAGES} images, of which the first {MAX_IMAGES} are used: the"
            f" first item is {crowded[0]!r}"
        )
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


def _row(record: Record, locate: Callable[[str], str], where: str, cells: Cells) -> SourceRow:
    id = _id(record["id"])
    if id is None:
        raise SourceError(f"{where} has the id {record['id']!r}: give every row an id that is text or a whole number")
    if not is_utf8(id):
        raise SourceError(f"{where} has the id {id!r}, {NO_TEXT}")
    image = "" if _is_missing(record["image"]) else record["image"]
    if not isinstance(image, str | list):
        raise SourceError(f"{where} has the image {image!r}: give a path or a URL as text")
    attributes = cells.attributes({name: value for name, value in record.items() if name not in OWN}, id)
    images = _images(record, image, where, attributes)
    (uri, problem), *others = [image_cells.located(each, locate) for each in images] or [("", "")]
    further = tuple(FurtherImage(address, problem=problem) for address, problem in others)
    return SourceRow(id, uri, attributes, problem=problem, further=further)


def _images(record: Record, image: str | list[object], where: str, attributes: dict[str, Value]) -> list[str]:
    """Return the addresses of a record's images, each once; a number in the column images becomes an attribute."""
    several = record.get(image_cells.COLUMN)
    try:
        if isinstance(image, list):
            return image_cells.addresses(image) or []
        if not is_utf8(image):
            raise ValueError(NO_TEXT)
        # the cell of the column images serves as that of image if there is no such column
        first = [] if image == several or not image.strip() else [image.strip()]
        others = None if _is_missing(several) else image_cells.addresses(several)
    except ValueError as error:
        raise SourceError(f"{where} has the image {several or image!r}, {error}") from error
    if others is None and not _is_missing(several):
        attributes |= Cells().attributes({image_cells.COLUMN: several}, "")
    return list(dict.fromkeys([*first, *(others or [])]))


def _id(cell: object) -> str | None:
    """The id in a cell, "" if it has none, or None if it cannot be one."""
    if _is_missing(cell):
        return ""
    if isinstance(cell, Decimal):
        return str(int(cell)) if cell == cell.to_integral_value() else None
    if isinstance(cell, float):  # whole numbers of a column in which some were missing
        return str(int(cell)) if abs(cell) <= EXACT and cell.is_integer() else None
    return str(cell) if isinstance(cell, str | int | UUID) and not isinstance(cell, bool) else None


def _is_missing(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))
