"""Names of a table's columns to the names of attributes: by a map, or whatever their case and spaces."""

import re
from collections.abc import Mapping, Sequence

from index.sources.feeds import likely_names
from models import table_header
from models.csv_tables import Note

# written in any case, as "Image" and "In Stock", they become these; other attributes stay as they are written
NO_MAP: Mapping[str, str] = {}
IMAGE, IMAGES = "image", "images"
KNOWN = (
    "id",
    IMAGE,
    IMAGES,
    "title",
    "price",
    "currency",
    "brand",
    "in_stock",
    "description",
    "category",
    "link",
    "tags",
)
SHOWN_CHARACTERS = 500
WORKING = "_"  # begins the names of cells from which an export's attributes are made
LEFT_OUT = "to have one as an attribute, name it by --map NAME=COLUMN"
SHOWN = ("title", "price", "brand", "in_stock")  # by the page
PROPOSAL = "; perhaps it is {map}"
WAY_OUT = ", or name it by --map {target}=COLUMN (the member map of POST /index)"


class ColumnNames:
    """Chooses the column of each attribute: `columns` maps names of attributes to those of columns.

    `usual` is a map, too, of columns in folded names that may be missing. Other columns are attributes, if `others`; of
    a table with a usual map their names are folded.
    """

    def __init__(
        self,
        columns: Mapping[str, str],
        needed: Sequence[str],
        usual: Mapping[str, str] = NO_MAP,
        *,
        others: bool = True,
    ) -> None:
        self._columns = columns
        self._needed = needed
        self._usual = usual
        self._others = others

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
        usual = {target: folded[column] for target, column in self._usual.items() if column in folded}
        used = set(mapped.values()) | set(usual.values())
        mapped = usual | mapped
        chosen: dict[str, str] = {}
        for name in present if self._others else ():
            if name not in used:
                known = fold(name)
                rename = (self._usual or known in KNOWN) and known not in exact and folded[known] == name
                chosen[known if rename else name] = name
        chosen |= mapped
        if IMAGES in chosen:
            chosen.setdefault(IMAGE, chosen[IMAGES])  # the first of them
        return chosen

    def fits(self, present: Sequence[str]) -> bool:
        """Return whether all needed and all mapped columns are present."""
        chosen = self.chosen(present)
        return not self._missing(present) and all(name in chosen for name in self._needed)

    def check(self, table: str, present: Sequence[str], note: Note) -> None:
        """Raise SourceError, with the names that there are, if a needed or a mapped column is missing.

        `note` gets a sentence for columns with other names than their attributes, and for those that are left out.
        """
        chosen = self.chosen(present)
        table_header.check_needed(table, present, self._missing(present))
        missing = [name for name in self._needed if name not in chosen]
        if missing:
            given = [f"--map {name}={column}" for name, column in self._columns.items()]
            proposal = likely_names.proposed([name for name in missing if name in likely_names.LIKELY], present, fold)
            way_out = PROPOSAL.format(map=" ".join([*given, proposal])) if proposal else ""
            way_out = WAY_OUT.format(target=missing[0]) + way_out
            table_header.check_needed(table, present, missing[:1], way_out=way_out)
        visible = {
            name: column
            for name, column in chosen.items()
            if fold(name) != fold(column)
            and not name.startswith(WORKING)
            and not (name == IMAGE and column == chosen.get(IMAGES))
        }
        renamed = ", ".join(f"{column!r} is {name}" for name, column in visible.items())
        if renamed:
            shown = renamed if len(renamed) <= SHOWN_CHARACTERS else f"{renamed[:SHOWN_CHARACTERS]}…"
            note(f"columns of {table} with other names: {shown}")
        absent = [name for name in SHOWN if name not in chosen and not self._usual]
        others = [name for name in present if chosen.get(name) == name]
        if proposal := likely_names.proposed(absent, others, fold):
            note(f"the page shows {', '.join(SHOWN)}; some have other names in {table}: perhaps add {proposal}")
        left_out = [name for name in present if name not in chosen.values()]
        if not self._others and left_out:
            note(f"{len(left_out)} columns of {table} were left out, as {left_out[0]!r}: {LEFT_OUT}")
        for name in left_out if self._others else ():
            note(f"the column {name!r} of {table} was left out: another column is mapped to its name")

    def _missing(self, present: Sequence[str]) -> list[str]:
        """Return the mapped columns that are not present."""
        names = {*present, *map(fold, present)}
        return [column for column in self._columns.values() if column not in names and fold(column) not in names]


def fold(name: str) -> str:
    """Return a name in lower case, with one underscore for spaces, underscores and hyphens, and without Google's g:."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower().removeprefix("g:"))
