"""Metafields of Shopify: columns such as "Material (product.metafields.custom.material)"."""

import json
import re
from collections.abc import Iterable, Sequence

from index.sources.feeds.column_names import WORKING, fold

COLUMN = re.compile(r".*\((?:product|variant)\.metafields\.(?P<namespace>[^.()]+)\.(?P<key>[^()]+)\)")
RELATED = "shopify--discovery"  # begins the namespaces of links to other products
MARK = f"{WORKING}metafield "  # begins the names of their cells
SEPARATOR = re.compile(r"\s*;\s+")  # between the values of a list
LONGEST_VALUE = 60  # of a list; a semicolon in prose separates nothing
RICH_TEXT = re.compile(r'\{"type":\s*"root"')
RICH_TEXT_VALUE = re.compile(r'"value":\s*("(?:[^"\\]|\\.)*")')


def columns(present: Iterable[str]) -> dict[str, str]:
    """Return the folded column of each metafield, by its key; by namespace and key if two have the key."""
    chosen: dict[str, str] = {}
    for name in present:
        match = COLUMN.fullmatch(name.strip())
        if match is None or match["namespace"].startswith(RELATED):
            continue
        key = fold(match["key"])
        chosen[MARK + (key if MARK + key not in chosen else f"{fold(match['namespace'])}_{key}")] = fold(name)
    return chosen


def value(cells: Sequence[str]) -> str | list[str]:
    """Return the value of a metafield from the cells of a product's rows: a list if it has several values."""
    values = [part for cell in dict.fromkeys(cells) for part in _parts(cell)]
    return values[0] if len(values) == 1 else list(dict.fromkeys(values))


def _parts(cell: str) -> list[str]:
    if RICH_TEXT.match(cell):
        return [" ".join(json.loads(text, strict=False) for text in RICH_TEXT_VALUE.findall(cell)).strip()]
    parts = [part for part in SEPARATOR.split(cell) if part]
    return parts if all(len(part) <= LONGEST_VALUE for part in parts) else [cell]
