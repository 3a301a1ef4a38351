"""Attributes of items as typed columns: one Arrow file of a snapshot, mapped when opened, and columns that grow.

A column holds the distinct values of an attribute, and for each row the code of its value.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import ipc

from index.items import untyped_columns
from index.items.arrow_columns import ARROW, ARROW_TYPES, dictionary_encode, first_rows
from index.items.attribute_types import AttributeType, AttributeTypes, Kind, common_type, convert_attributes
from index.items.values import GrowingValues, SortedValues, Values
from index.sources.rows import Value
from models import tables
from models.arrays import Flags
from models.errors import GalleryBroken, InputError

FIRST_ROWS = 64  # a column's room when it first grows; it doubles from there
NONE: AttributeTypes = {}
MISSING = -1  # the code of a row that lacks the attribute

# in the metadata of the file's schema
COUNT = b"rows"  # a file without columns has no other place for it
TYPES = b"types"  # as JSON, of every attribute that is known, in their order
VERSION = b"version"
CURRENT = b"4"  # of the manifest whose snapshots have such a file


class Column:
    """One attribute: for each row the code of its value."""

    def __init__(self, values: Values, codes: NDArray[np.int32]) -> None:
        self.values = values
        self._codes = codes

    @property
    def type(self) -> AttributeType:
        """The type of all values."""
        return self.values.type

    @property
    def has_missing(self) -> bool:
        """True if a row of a snapshot lacks the attribute."""
        return bool(np.any(self._codes == MISSING))

    def codes(self, count: int) -> NDArray[np.int32]:
        """The codes (count,) of the first rows, MISSING if a row has no value."""
        return self._codes[:count]

    def at(self, row: int) -> Value:
        """The value of that row, None if it is missing."""
        code = self._codes.item(row)
        return None if code == MISSING else self.values.value(code)

    def put(self, row: int, value: Value) -> None:
        """Set the value of the next row of a column that grows; readers of the rows before it are not disturbed."""
        assert isinstance(self.values, GrowingValues)
        code = MISSING if value is None else self.values.add(value)
        if row == len(self._codes):
            codes = np.empty(max(2 * row, FIRST_ROWS), np.int32)  # the rows that are not written take no memory yet
            codes[:row] = self._codes
            self._codes = codes
        self._codes[row] = code

    def rows(self, count: int, held: Callable[[Values], Flags], *, missing: bool) -> Flags:
        """Mask (count,) of the first `count` rows whose value is held; `missing` is the flag of rows without.

        `held` gets the distinct scalars. A list is held if one of its texts is.
        """
        if self.type == "list of texts":
            members = self.values.members()
            flags = members.any(held(members.texts), len(self.values))
        else:
            flags = held(self.values)
        # the code −1 takes the last flag
        rows: Flags = np.take(np.append(flags, missing), self.codes(count))
        return rows


class Columns:
    """The attributes of rows 0 to n-1.

    `types` has the type of each attribute that is known, even if no row has it any more; None if none ever had it.
    """

    def __init__(self, count: int, columns: Mapping[str, Column], types: AttributeTypes) -> None:
        self.types = types
        self._count = count
        self._columns = columns

    @classmethod
    def open(cls, path: Path) -> "Columns":
        """Map the file at `path`, none of its values decoded; raises GalleryBroken if it is not one of ours."""
        try:
            reader = ipc.open_file(pyarrow.memory_map(str(path)))
            batch = reader.get_batch(0)
            batch.validate()
            facts = reader.schema.metadata or {}
            count, names = int(facts[COUNT]), batch.schema.names
            whole = reader.num_record_batches == 1 and len(set(names)) == len(names)
            if not whole or (names and batch.num_rows != count):
                raise ValueError("its parts do not fit")
            typed = batch.columns if facts.get(VERSION) == CURRENT else map(untyped_columns.typed, batch.columns)
            columns = {name: _opened(column) for name, column in zip(names, typed, strict=True)}
            types = json.loads(facts.get(TYPES, b"{}"))
            if not set(types.values()) <= {*ARROW, None}:
                raise ValueError("it has types of another version")
            types |= {name: column.type if len(column.values) else None for name, column in columns.items()}
        except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
            raise GalleryBroken(
                f"{path} is not a table of attributes ({error}): roll back or rebuild the gallery"
            ) from error
        return cls(count, columns, types)

    def get(self, name: str) -> Column:
        """The attribute of that name; if no row has it, one that is missing everywhere."""
        column = self._columns.get(name)
        return Column(GrowingValues("text"), _missing(self._count)) if column is None else column

    def at(self, row: int) -> dict[str, Value]:
        """The attributes of that row, without those that it lacks."""
        return {name: value for name, column in self._columns.items() if (value := column.at(row)) is not None}

    def __len__(self) -> int:
        return self._count


class GrowingColumns(Columns):
    """Columns that one thread appends to, while others read the rows that there were when they began."""

    def __init__(self, types: AttributeTypes) -> None:
        """Without rows; an attribute without a type in `types` gets the type of its first value."""
        self.types: dict[str, AttributeType | None] = dict(types)
        super().__init__(0, {}, self.types)

    def learn(self, attributes: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values as their attributes hold them, without those that they cannot hold; all become known.

        There are such values in changes that were written when the attribute had another type.
        """
        values: dict[str, Value] = {}
        for name, value in attributes.items():
            with suppress(InputError):
                values |= convert_attributes({name: value}, self.types)
        return values

    def append(self, attributes: Mapping[str, Value]) -> None:
        """Add a row; `len` shows it to readers. A value that its attribute cannot hold is missing."""
        row, values, columns = self._count, self.learn(attributes), dict(self._columns)
        for name in values:
            type = self.types[name]
            assert type is not None
            columns.setdefault(name, Column(GrowingValues(type), _missing(row)))
        for name, column in columns.items():
            column.put(row, values.get(name))
        self._columns = columns  # a new one: a reader may iterate over the old one
        self._count = row + 1


def write(path: Path, items: Iterable[tuple[str, Mapping[str, Value]]], known: AttributeTypes = NONE) -> list[str]:
    """Write the attributes of items, given with their ids, in the order of the vectors and of FAISS's ids.

    An attribute that is `known` stays so, with its type, if no item has it. Returns a sentence for each attribute whose
    values are of types that had to be made one.
    """
    ids: list[str] = []
    columns: dict[str, list[Value]] = {}
    for row, (id, attributes) in enumerate(items):
        ids.append(id)
        for name, value in attributes.items():
            column = columns.setdefault(name, [])
            column.extend([None] * (row - len(column)))
            column.append(None if value == [] else value)
    notes: list[str] = []
    types: dict[str, AttributeType | None] = dict.fromkeys(columns) | dict(known)
    arrays: dict[str, pyarrow.DictionaryArray] = {}
    for name, column in columns.items():
        column.extend([None] * (len(ids) - len(column)))
        kinds = first_rows(column)
        if emptied := _without_empty_words(column, kinds):
            notes.append(
                f"the attribute {name!r} holds numbers or true and false: {emptied} texts such as"
                f" {column[kinds['text']]!r} (item {ids[kinds['text']]!r}) count as empty"
            )
            column = [None if isinstance(value, str) else value for value in column]
            kinds = first_rows(column)
        if not kinds:
            continue
        types[name] = type = common_type(kinds)
        arrays[name] = dictionary_encode(column, type)
        if (len(kinds) > 1 and type in ("text", "list of texts")) or "integer beyond 64 bits" in kinds:
            shown = ", ".join(f"{each} (first in item {ids[row]!r})" for each, row in kinds.items())
            notes.append(
                f"the attribute {name!r} has values of the types {shown}: every value became a {type}; give it one type"
                " in the source"
            )
    facts = {COUNT: str(len(ids)), VERSION: CURRENT, TYPES: json.dumps(types)}
    schema = pyarrow.schema([(name, array.type) for name, array in arrays.items()], metadata=facts)
    with ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pyarrow.record_batch(list(arrays.values()), schema=schema))
    return notes


def _opened(column: pyarrow.Array) -> Column:
    """The column of a file; raises ValueError if it is not one of ours, or its codes and values do not fit."""
    if not isinstance(column, pyarrow.DictionaryArray) or column.type.value_type not in ARROW_TYPES:
        raise ValueError("it holds no columns of attributes")
    values = column.dictionary
    codes: NDArray[np.int32] = column.indices.fill_null(MISSING).to_numpy(zero_copy_only=True)
    if values.null_count or (len(codes) and not MISSING <= int(codes.min()) <= int(codes.max()) < len(values)):
        raise ValueError("its codes are not those of its values")
    return Column(SortedValues(ARROW_TYPES[values.type], values), codes)


def _without_empty_words(column: Sequence[Value], kinds: Mapping[Kind, int]) -> int:
    """The number of texts in a column of numbers or booleans if all of them are words for an empty cell, else 0."""
    if "text" not in kinds or len(kinds) == 1 or "list of texts" in kinds:
        return 0
    texts = [value for value in column if isinstance(value, str)]
    return len(texts) if all(text.strip().lower() in tables.EMPTY_WORDS for text in texts) else 0


def _missing(rows: int) -> NDArray[np.int32]:
    return np.full(rows, MISSING, np.int32)
