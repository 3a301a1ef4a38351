"""The attributes of a snapshot: one Arrow file, written typed, and mapped when it is read.

A column holds the sorted distinct values of an attribute, and for each row the code of its value.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute, ipc

from index.items.attribute_types import AttributeType, AttributeTypes, Kind, common_type, convert, kind
from index.items.columns import MISSING, Column, Columns
from index.items.values import SortedValues
from index.sources.cells import Value
from index.sources.feeds import prices
from index.sources.feeds.cell_types import EMPTY_WORDS
from models.errors import GalleryBroken

ARROW: Mapping[AttributeType, pyarrow.DataType] = {
    "boolean": pyarrow.bool_(),
    "integer": pyarrow.int64(),
    "number": pyarrow.float64(),
    "text": pyarrow.large_string(),
    "list of texts": pyarrow.large_list(pyarrow.large_string()),
}
ARROW_TYPES: Mapping[pyarrow.DataType, AttributeType] = {arrow: type for type, arrow in ARROW.items()}
UNTYPED = pyarrow.dictionary(pyarrow.int32(), pyarrow.large_string())  # of manifest version 3
NONE: AttributeTypes = {}

# in the metadata of the file's schema
COUNT = b"rows"  # a file without columns has no other place for it
SOURCE = b"source"  # SourceFacts as JSON
KNOWN = b"types"  # as JSON, of every attribute that is known, in their order
VERSION = b"version"
CURRENT = b"4"  # of the manifest whose snapshots have such a file
NOTES = 100  # that are stored


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Facts of the source: the map from attributes to columns, and notes on what was read in another way than meant."""

    columns: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


NO_FACTS = SourceFacts()


def write(
    path: Path,
    items: Iterable[tuple[str, Mapping[str, Value]]],
    known: AttributeTypes = NONE,
    source: SourceFacts = NO_FACTS,
) -> list[str]:
    """Write the attributes of items, given with their ids, in the order of the vectors and of FAISS's ids.

    An attribute that is `known` stays so, with its type, if no item has it. Returns a sentence for each attribute whose
    values are of types that had to be made one; they are stored with those of the source.
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
        first = first_rows(column)
        if emptied := _without_empty_words(column, first):
            notes.append(
                f"the attribute {name!r} holds numbers or true and false: {emptied} texts such as"
                f" {column[first['text']]!r} (item {ids[first['text']]!r}) count as empty"
            )
            column = [None if isinstance(value, str) else value for value in column]
            first = first_rows(column)
        if not first:
            continue
        types[name] = type = common_type(first)
        arrays[name] = _dictionary_encode(column, type)
        if (len(first) > 1 and type in ("text", "list of texts")) or "integer beyond 64 bits" in first:
            shown = ", ".join(f"{each} (first in item {ids[row]!r})" for each, row in first.items())
            notes.append(
                f"the attribute {name!r} has values of the types {shown}: every value became a {type}; give it one type"
                " in the source"
            )
        elif type == "text" and prices.is_price_name(name) and not _is_noted(name, source.notes):
            notes.append(
                f"{_is_text(name)}, as {column[first['text']]!r} (item {ids[first['text']]!r}): filters on numbers do"
                " not find it"
            )
    source = replace(source, notes=[*source.notes, *notes][:NOTES])
    facts = {COUNT: str(len(ids)), VERSION: CURRENT, KNOWN: json.dumps(types), SOURCE: json.dumps(asdict(source))}
    schema = pyarrow.schema([(name, array.type) for name, array in arrays.items()], metadata=facts)
    with ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pyarrow.record_batch(list(arrays.values()), schema=schema))
    return notes


def read(path: Path, *, former: Iterable[Path] = ()) -> Columns:
    """Map the file at `path`, none of its values decoded; raises GalleryBroken if it is not one of ours.

    The attributes of the `former` files are known, too, as far as these can be read.
    """
    try:
        reader = ipc.open_file(pyarrow.memory_map(str(path)))
        batch = reader.get_batch(0)
        batch.validate()
        facts = reader.schema.metadata or {}
        count, names = int(facts[COUNT]), batch.schema.names
        whole = reader.num_record_batches == 1 and len(set(names)) == len(names)
        if not whole or (names and batch.num_rows != count):
            raise ValueError("its parts do not fit")
        typed = batch.columns if facts.get(VERSION) == CURRENT else map(_typed, batch.columns)
        columns = {name: _column(column) for name, column in zip(names, typed, strict=True)}
        types = _known(facts)
        types |= {name: column.type if len(column.values) else None for name, column in columns.items()}
        for other in map(_known_at, former):
            types |= {name: type for name, type in other.items() if types.get(name) is None}
    except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
        raise GalleryBroken(
            f"{path} is not a table of attributes ({error}): roll back or rebuild the gallery"
        ) from error
    return Columns(count, columns, types)


def kinds(columns: Columns) -> dict[str, list[str]]:
    """Return the type of each attribute, after "missing" if an item has no value of it."""
    return {
        name: [*(["missing"] if columns.get(name).has_missing else []), *([type] if type else [])]
        for name, type in columns.types.items()
    }


def read_source(path: Path) -> SourceFacts:
    """Return the facts of the source in the file at `path`; raises GalleryBroken if it is not one of ours."""
    try:
        stored = (ipc.open_file(pyarrow.memory_map(str(path))).schema.metadata or {}).get(SOURCE)
        return NO_FACTS if stored is None else SourceFacts(**json.loads(stored))
    except (OSError, TypeError, ValueError, pyarrow.ArrowException) as error:
        raise GalleryBroken(
            f"{path} is not a table of attributes ({error}): roll back or rebuild the gallery"
        ) from error


def _is_text(name: str) -> str:
    return f"the attribute {name!r} is text"


def _is_noted(name: str, notes: Sequence[str]) -> bool:
    return any(note.startswith(_is_text(name)) for note in notes)


def _known(facts: Mapping[bytes, bytes]) -> dict[str, AttributeType | None]:
    known: dict[str, AttributeType | None] = json.loads(facts.get(KNOWN, b"{}"))
    if not isinstance(known, dict) or not all(type in (*ARROW, None) for type in known.values()):
        raise ValueError("it has types of another version")
    return known


def _known_at(path: Path) -> AttributeTypes:
    try:
        return _known(ipc.open_file(pyarrow.memory_map(str(path))).schema.metadata or {})
    except (OSError, ValueError, pyarrow.ArrowException):
        return {}  # of a snapshot that does not serve


def first_rows(values: Sequence[Value]) -> dict[Kind, int]:
    """The kinds of the values, each with the first row that has it."""
    first: dict[Kind, int] = {}
    only_text = set(map(type, values)) <= {str, type(None)}  # as in most columns: the first text is enough
    for row, value in enumerate(values):
        if value is not None:
            first.setdefault(kind(value), row)
            if only_text:
                break
    return first


def typed_array(values: Sequence[Value], type: AttributeType) -> pyarrow.Array:
    """The values of rows, a missing one as null, as an array of that type; they must convert to it."""
    if type == "list of texts":
        values = [convert(value, type) for value in values]
    elif type == "text":
        values = [value if value is None or isinstance(value, str) else convert(value, type) for value in values]
    array = pyarrow.array(values, ARROW[type])
    return compute.add(array, 0.0) if type == "number" else array  # makes −0.0 and 0.0 one value


def _dictionary_encode(values: Sequence[Value], type: AttributeType) -> pyarrow.DictionaryArray:
    """As `typed_array`, with the distinct values sorted."""
    array = typed_array(values, type)
    if type == "list of texts":
        return _encode_lists(array.to_pylist())
    encoded = array.dictionary_encode()
    order = compute.sort_indices(encoded.dictionary)
    ranks = pyarrow.array(np.argsort(order.to_numpy()), pyarrow.int32())
    return pyarrow.DictionaryArray.from_arrays(ranks.take(encoded.indices), encoded.dictionary.take(order))


def _without_empty_words(column: Sequence[Value], kinds: Mapping[Kind, int]) -> int:
    """The number of texts in a column of numbers or booleans if all of them are words for an empty cell, else 0."""
    if "text" not in kinds or common_type(kinds.keys() - {"text"}) not in ("integer", "number", "boolean"):
        return 0
    texts = [value for value in column if isinstance(value, str)]
    return len(texts) if all(text.strip().lower() in EMPTY_WORDS for text in texts) else 0


def _column(column: pyarrow.Array) -> Column:
    """The column of a file; raises ValueError if it is not one of ours, or its codes and values do not fit."""
    if not isinstance(column, pyarrow.DictionaryArray) or column.type.value_type not in ARROW_TYPES:
        raise ValueError("it holds no columns of attributes")
    values = column.dictionary
    codes: NDArray[np.int32] = column.indices.fill_null(MISSING).to_numpy(zero_copy_only=True)
    if values.null_count or (len(codes) and not MISSING <= int(codes.min()) <= int(codes.max()) < len(values)):
        raise ValueError("its codes are not those of its values")
    return Column(SortedValues(ARROW_TYPES[values.type], values), codes)


def _typed(column: pyarrow.Array) -> pyarrow.DictionaryArray:
    """A column of JSON texts, as version 3 wrote it, with the type that a build would choose.

    Raises ValueError if it is damaged. A rebuild or a compaction writes it typed.
    """
    if column.type != UNTYPED or column.null_count or column.dictionary.null_count:
        raise ValueError("it holds no columns of attributes")
    values = [json.loads(text) for text in column.dictionary.to_pylist()]
    encoded = _dictionary_encode(values, common_type(first_rows(values)))
    return pyarrow.DictionaryArray.from_arrays(encoded.indices.take(column.indices), encoded.dictionary)


def _encode_lists(values: Sequence[list[str] | None]) -> pyarrow.DictionaryArray:
    rows = [None if value is None else tuple(value) for value in values]
    distinct = sorted({row for row in rows if row is not None})
    codes = {row: code for code, row in enumerate(distinct)}
    indices = pyarrow.array([None if row is None else codes[row] for row in rows], pyarrow.int32())
    return pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(map(list, distinct), ARROW["list of texts"]))
