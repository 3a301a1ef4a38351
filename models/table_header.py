"""Checks the names of a table's columns."""

from collections import Counter
from collections.abc import Collection, Sequence

from models.errors import SourceError

SHOWN_CHARACTERS = 300


def check_unique(table: str, names: Sequence[str]) -> None:
    """Raise SourceError if a name occurs twice."""
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise SourceError(f"{table} names a column twice, {name!r}: make the column names unique")


def check_needed(place: str, names: Collection[str], needed: Sequence[str], *, way_out: str = "") -> None:
    """Raise SourceError, with the names that there are, if a needed one is missing; `way_out` follows the usual one."""
    missing = next((name for name in needed if name not in names), None)
    if missing is None:
        return
    shown = ", ".join(map(repr, names)) or "none"
    if len(shown) > SHOWN_CHARACTERS:
        shown = f"{shown[:SHOWN_CHARACTERS]}…"
    raise SourceError(
        f"{place} has no column {missing!r}, its columns are {shown}: rename one of them, or add it{way_out}"
    )
