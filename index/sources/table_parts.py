"""Tables in parts: folders of nothing but tables, as Spark and Dask write them, read as one table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO
from urllib.parse import unquote

from index.sources.feeds.cell_types import is_integer
from index.sources.feeds.records import records as records_of_table
from models import tables

MISSING = "__HIVE_DEFAULT_PARTITION__"  # the name of a folder for rows without a value
DOCUMENTS = (".crc", ".htm", ".html", ".json", ".md", ".pdf", ".rst", ".txt", ".xml", ".yaml", ".yml")


def parts(files: Sequence[str], note: Callable[[str], None]) -> list[str]:
    """Return the files, relative to their folder, that are the parts of one table; none if images may be there.

    Files and folders whose names begin with an underscore, as _SUCCESS, are no parts, and neither are documents about
    the table, as README.md. `note` gets a sentence for each of these, and for tables beside images.
    """
    visible = [file for file in files if not any(name[0] == "_" for name in file.split("/"))]
    found = [file for file in visible if _is_part(file)]
    others = [file for file in visible if not _is_part(file)]
    if not found:
        return []
    if all(file.lower().endswith(DOCUMENTS) for file in others):
        for file in others:
            note(f"{file} was left out: it is no part of the table")
        return found
    note(f"{found[0]} is read as no table, since images lie beside it: to index its rows, name it as the source")
    return []


def records(
    folder: str,
    parts: Sequence[str],
    opened: Callable[[str], AbstractContextManager[IO[bytes]]],
    *,
    needed: Sequence[str],
    columns: Mapping[str, str],
    note: Callable[[str], None],
) -> Iterator[tables.Record]:
    """Yield the records of all parts in their order; folders named key=value add a column. Raises as for one."""
    numeric = _numeric_keys(parts)
    for part in parts:
        keys = {name: int(text) if text and name in numeric else text for name, text in _keys(part)}
        own = [name for name in needed if name not in keys]
        with opened(part) as file:
            for record in records_of_table(f"{folder}/{part}", file, needed=own, columns=columns, note=note):
                yield {**record, **keys}


def _is_part(file: str) -> bool:
    return tables.is_table(file) and not file.lower().endswith(DOCUMENTS)  # a feed in .txt or .xml is named by itself


def _numeric_keys(parts: Sequence[str]) -> set[str]:
    """Return the keys whose every value is a whole number: beside 007, 12 is a code too, as in a column of CSV."""
    pairs = {pair for part in parts for pair in _keys(part)}
    texts = {name for name, text in pairs if text is not None and not is_integer(text)}
    return {name for name, _ in pairs} - texts


def _keys(part: str) -> list[tuple[str, str | None]]:
    pairs = (folder.split("=", 1) for folder in part.split("/")[:-1] if "=" in folder)
    return [(unquote(name), None if value == MISSING else unquote(value)) for name, value in pairs]
