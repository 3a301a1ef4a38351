"""The images of an item in a table: those of the columns image and images, as addresses in their order."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.sources.cells import NO_TEXT, is_utf8

MAX_IMAGES = 10  # of an item
COLUMN = "images"
SHOWN_CHARACTERS = 60
DATA_PROBLEM = "data: addresses are not read: name a file"
ADDRESS = r"(?=[a-zA-Z][a-zA-Z0-9+.-]*://)"
BETWEEN_URLS = re.compile(rf"\s*\|\s*|\s*[,;]\s*{ADDRESS}|\s+{ADDRESS}")  # a URL may have a comma in it
BETWEEN_PATHS = re.compile(r"\s*[|,;\r\n]+\s*")  # a path may have spaces in it


@dataclass(frozen=True, slots=True)
class FurtherImage:
    """An image of an item beside its first one: an absolute path or URL, and its state as that of a SourceRow."""

    uri: str
    content: str = ""
    fingerprint: str = ""
    problem: str = ""


def addresses(cell: object) -> list[str] | None:
    """Return the addresses in a cell of the column images, None if it is no list of them, as a number of images.

    Raises ValueError with the reason if one of them is no text.
    """
    if isinstance(cell, str):
        if cell.strip().isdecimal():
            return None
        array = _array(cell)
        parts: Sequence[object] = _split(cell) if array is None else array
    elif isinstance(cell, list):
        parts = cell
    else:
        return [] if cell is None else None
    if not all(isinstance(part, str | None) for part in parts):
        raise ValueError("and not a path or URL, or several of them, as text")
    texts = [part.strip() for part in parts if isinstance(part, str)]
    if not all(map(is_utf8, texts)):
        raise ValueError(NO_TEXT)
    return list(dict.fromkeys(text for text in texts if text))


def located(address: str, locate: Callable[[str], str]) -> tuple[str, str]:
    """Return the absolute address of an image of a table, and why it cannot be used, "" if it may be."""
    if address.lower().startswith("data:"):
        return address[:SHOWN_CHARACTERS], DATA_PROBLEM
    return address if not address or "://" in address else locate(address), ""


def _split(cell: str) -> list[str]:
    return (BETWEEN_URLS if "://" in cell else BETWEEN_PATHS).split(cell)


def _array(cell: str) -> list[object] | None:
    if not cell.lstrip().startswith("["):
        return None
    try:
        array = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return array if isinstance(array, list) else None
