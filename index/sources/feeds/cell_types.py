"""One type for the text cells of each column: true and false, numbers, prices, lists, or text."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from index.sources.feeds import lists, prices, stock
from models.csv_tables import Note

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


CURRENCY = "currency"  # the attribute for the currency of the price


def typed(rows: Iterable[Row], texts: Collection[str], note: Note) -> Iterator[Mapping[str, Cell]]:
    """Yield the rows with cells of one type a column, None for an empty cell; the columns `texts` stay text.

    A column with a list is one of lists. The currency of prices becomes a column of its own.
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
    currencies: dict[str, Sequence[str]] = {}
    read: dict[str, Sequence[Cell]] = {}
    for name in list(columns):
        cells = columns.pop(name)
        cells.extend([""] * (count - len(cells)))
        strings = [cell for cell in cells if isinstance(cell, str)]
        if name in texts:
            read[name] = [cell or None for cell in cells]
        elif len(strings) < len(cells):
            read[name] = [[cell] if cell and isinstance(cell, str) else cell or None for cell in cells]
        else:
            read[name] = _typed_cells(name, strings, note, codes, currencies)
    if codes:
        shown = ", ".join(f"{name!r} ({place})" for name, place in codes.items())
        note(f"a number would lose digits of these attributes, so they are text: {shown}")
    if currencies:
        read |= _currency_columns(read.get(CURRENCY), currencies, note)
    for values in zip(*read.values(), strict=True):
        yield dict(zip(read, values, strict=True))


def is_integer(cell: str) -> bool:
    """Return whether a cell is a whole number of which no program loses a digit, and no code such as 007."""
    return INTEGER.fullmatch(cell) is not None and abs(int(cell)) <= EXACT


def _currency_columns(
    present: Sequence[Cell] | None, currencies: Mapping[str, Sequence[str]], note: Note
) -> dict[str, Sequence[Cell]]:
    """Return the column of currencies, and one for each column of prices in others; `present` is the table's own."""
    main = list(present or currencies.get("price", next(iter(currencies.values()))))
    columns: dict[str, Sequence[Cell]] = {}
    for name, codes in currencies.items():
        main = [code or other for code, other in zip(main, codes, strict=True)]
        if any(other and other != code for code, other in zip(main, codes, strict=True)):
            columns[f"{name}_{CURRENCY}"] = [code or None for code in codes]
            note(
                f"the currency of {name!r} is in {f'{name}_{CURRENCY}'!r}, since it is not always that of {CURRENCY!r}"
            )
    return {CURRENCY: [code or None for code in main], **columns}


def _typed_cells(
    name: str, cells: Sequence[str], note: Note, codes: dict[str, str], currencies: dict[str, Sequence[str]]
) -> Sequence[Cell]:
    """Return the cells with the one type that fits every filled cell.

    `codes` gets the place of a code in a text, and `currencies` the currencies of prices.
    """
    if (texts := lists.read(name, cells)) is not None:
        return texts
    values = [cell for cell in cells if cell.lower() not in EMPTY_WORDS]
    read: Callable[[str], str | int | float | bool]
    words = stock.words(name, values) if values else None
    if words is not None:
        read = partial(_meaning, words)
    elif all(map(is_integer, values)):
        read = int
    elif all(map(_is_number, values)) and not prices.is_doubtful(name, values):
        read = float
    elif (found := prices.read(name, [None if cell.lower() in EMPTY_WORDS else cell for cell in cells])) is not None:
        _note_empty(name, cells, note, are_values=True)
        for sentence in found.notes:
            note(sentence)
        if any(found.currencies):
            currencies[name] = found.currencies
        return found.values
    else:
        _note_numbers(name, cells, note, codes)
        return [cell or None for cell in cells]
    _note_empty(name, cells, note, are_values=bool(values))
    return [None if cell.lower() in EMPTY_WORDS else read(cell) for cell in cells]


def _meaning(words: Mapping[str, bool], cell: str) -> bool:
    return words[stock.availability(cell)]


def _note_empty(name: str, cells: Sequence[str], note: Note, *, are_values: bool) -> None:
    """Note the words for an empty cell in a column that is no text."""
    words = [row for row, cell in enumerate(cells, start=1) if cell and cell.lower() in EMPTY_WORDS]
    if words:
        first = words[0]
        held = "numbers or true and false" if are_values else "nothing else"
        note(
            f"the attribute {name!r} holds {held}: {len(words)} cells such as {cells[first - 1]!r} (row {first}) count"
            " as empty"
        )


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
    doubtful = next(((row, cell) for row, cell in filled if not is_integer(cell)), filled[0])
    row, cell = next(((row, cell) for row, cell in filled if not _is_number(cell)), doubtful)
    note(
        f"the attribute {name!r} is text, because of {cell[:SHOWN_CHARACTERS]!r} in row {row}: filters on numbers do"
        " not find it; write numbers as 1299.90, or leave the cell empty"
    )


def _is_number(cell: str) -> bool:
    return is_integer(cell) or NUMBER.fullmatch(cell) is not None
