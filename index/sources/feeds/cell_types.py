"""One type for the text cells of each column: true and false, numbers, or text."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

SHOWN_CHARACTERS = 60

EXACT = 2**53  # up to it every program keeps the digits of a whole number
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")  # "007" stays text: article numbers keep their zeros
# an exponent without a decimal point needs its sign, as programs write it: 12E4 is an article number
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]+([eE][-+]?[0-9]{1,2})?|[eE][-+][0-9]{1,2})")
# among numbers and booleans, other programs' words for an empty cell, in lower case; among texts they are texts
EMPTY_WORDS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "-", "--", "–", "—"})
ALMOST_NUMBER = re.compile(  # as in 1.299,00 €
    r"([€$£¥₹]\s?|[A-Z]{3}\s)?-?([0-9]{1,3}([.,' \u00a0\u202f][0-9]{3})+|[0-9]+)([.,][0-9]+)?"
    r"(\s?[€$£¥₹%]|\s[a-zA-Zł]{2,3})?"
)


Cell: TypeAlias = str | int | float | bool | list[str] | None
Row: TypeAlias = dict[str, str | list[str]]  # cells by the names of attributes, before they have types
Note: TypeAlias = Callable[[str], None]


def typed(rows: Iterable[Row], needed: Sequence[str], note: Note) -> Iterator[Mapping[str, Cell]]:
    """Yield the rows with cells of one type a column, None for an empty cell; the `needed` columns stay text.

    A column with a list is one of lists.
    """
    columns: dict[str, list[str | list[str]]] = {}
    count = 0
    for row in rows:
        for name, cell in row.items():
            column = columns.setdefault(name, [])
            column.extend([""] * (count - len(column)))
            column.append(cell)
        count += 1
    codes: dict[str, str] = {}
    read: dict[str, list[Cell]] = {}
    for name in list(columns):
        cells = columns.pop(name)
        cells.extend([""] * (count - len(cells)))
        texts = [cell for cell in cells if isinstance(cell, str)]
        if name in needed:
            read[name] = [cell or None for cell in cells]
        elif len(texts) < len(cells):
            read[name] = [[cell] if cell and isinstance(cell, str) else cell or None for cell in cells]
        else:
            read[name] = _typed_cells(name, texts, note, codes)
    if codes:
        shown = ", ".join(f"{name!r} ({place})" for name, place in codes.items())
        note(f"a number would lose digits of these attributes, so they are text: {shown}")
    for values in zip(*read.values(), strict=True):
        yield dict(zip(read, values, strict=True))


def is_integer(cell: str) -> bool:
    """Return whether a cell is a whole number of which no program loses a digit, and no code such as 007."""
    return INTEGER.fullmatch(cell) is not None and abs(int(cell)) <= EXACT


def _typed_cells(name: str, cells: Sequence[str], note: Note, codes: dict[str, str]) -> list[Cell]:
    """Return the cells with the one type that fits every filled cell; `codes` gets the place of one in a text."""
    values = [cell for cell in cells if cell.lower() not in EMPTY_WORDS]
    read: Callable[[str], str | int | float | bool]
    if all(cell.lower() in ("true", "false") for cell in values):
        read = _boolean
    elif all(map(is_integer, values)):
        read = int
    elif all(map(_is_number, values)):
        read = float
    else:
        _note_numbers(name, cells, note, codes)
        return [cell or None for cell in cells]
    words = [row for row, cell in enumerate(cells, start=1) if cell and cell.lower() in EMPTY_WORDS]
    if words:
        first = words[0]
        held = "numbers or true and false" if values else "nothing else"
        note(
            f"the attribute {name!r} holds {held}: {len(words)} cells such as {cells[first - 1]!r} (row {first}) count"
            " as empty"
        )
    return [None if cell.lower() in EMPTY_WORDS else read(cell) for cell in cells]


def _note_numbers(name: str, cells: Sequence[str], note: Note, codes: dict[str, str]) -> None:
    """Note a column of text of which at least half may be meant as numbers; codes such as 007 go into `codes`."""
    filled = [(row, cell) for row, cell in enumerate(cells, start=1) if cell.lower() not in EMPTY_WORDS]
    numbers = sum(ALMOST_NUMBER.fullmatch(cell) is not None for _, cell in filled)
    if 2 * numbers < len(filled):
        return
    code = next(((row, cell) for row, cell in filled if cell.isdecimal() and not is_integer(cell)), None)
    if code is not None:
        codes[name] = f"{code[1][:SHOWN_CHARACTERS]!r} in row {code[0]}"
        return
    row, cell = next((row, cell) for row, cell in filled if not _is_number(cell))
    note(
        f"the attribute {name!r} is text, because of {cell[:SHOWN_CHARACTERS]!r} in row {row}: filters on numbers do"
        " not find it; write numbers as 1299.90, or leave the cell empty"
    )


def _boolean(cell: str) -> bool:
    return cell.lower() == "true"


def _is_number(cell: str) -> bool:
    return is_integer(cell) or NUMBER.fullmatch(cell) is not None
