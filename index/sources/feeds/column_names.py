"""Names of a table's columns to the names of attributes: by a map, or whatever their case and spaces."""

import re
from collections.abc import Mapping, Sequence

from index.sources.feeds.cell_types import Note
from models import table_header

# written in any case, as "Image" and "In Stock", they become these; other attributes stay as they are written
KNOWN = ("id", "image", "title", "price", "currency", "brand", "in_stock", "description", "category", "link", "tags")
WAY_OUT = ", or name it by --map {target}=COLUMN (the member map of POST /index)"


class ColumnNames:
    """Chooses the column of each attribute: `columns` maps names of attributes to those of columns."""

    def __init__(self, columns: Mapping[str, str], needed: Sequence[str]) -> None:
        self._columns = columns
        self._needed = needed

    def chosen(self, present: Sequence[str]) -> dict[str, str]:
        """Return the column of each attribute, as far as it is present; a mapped column is no other attribute."""
        exact = set(present)
        folded: dict[str, str] = {}
        for name in present:
            folded.setdefault(fold(name), name)
        mapped = {
            target: column if column in exact else folded[fold(column)]
            for target, column in self._columns.items()
            if column in exact or fold(column) in folded
        }
        chosen: dict[str, str] = {}
        used = set(mapped.values())
        for name in present:
            if name not in used:
                known = fold(name)
                target = known if known in KNOWN and known not in exact and folded[known] == name else name
                chosen[target] = name
        return chosen | mapped

    def fits(self, present: Sequence[str]) -> bool:
        """Return whether all needed and all mapped columns are present."""
        chosen = self.chosen(present)
        return all(name in chosen for name in (*self._needed, *self._columns))

    def check(self, table: str, present: Sequence[str], note: Note) -> None:
        """Raise SourceError, with the names that there are, if a needed or a mapped column is missing.

        `note` gets a sentence for a column whose name the map gives to another one.
        """
        chosen = self.chosen(present)
        for target, column in self._columns.items():
            if target not in chosen:
                table_header.check_needed(table, present, [column])
        for name in self._needed:
            if name not in chosen:
                table_header.check_needed(table, present, [name], way_out=WAY_OUT.format(target=name))
        for name in set(present) - set(chosen.values()):
            note(f"the column {name!r} of {table} was left out: another column is mapped to its name")


def fold(name: str) -> str:
    """Return a name in lower case, with one underscore for spaces, underscores and hyphens."""
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
