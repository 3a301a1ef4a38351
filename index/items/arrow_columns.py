"""Values of an attribute to a column of Arrow: sorted distinct values, and for each row the code of its value."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow
from pyarrow import compute

from index.items.attribute_types import AttributeType, Kind, convert, kind
from index.sources.rows import Value

ARROW: Mapping[AttributeType, pyarrow.DataType] = {
    "boolean": pyarrow.bool_(),
    "integer": pyarrow.int64(),
    "number": pyarrow.float64(),
    "text": pyarrow.large_string(),
    "list of texts": pyarrow.large_list(pyarrow.large_string()),
}
ARROW_TYPES: Mapping[pyarrow.DataType, AttributeType] = {arrow: type for type, arrow in ARROW.items()}


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


def dictionary_encode(values: Sequence[Value], type: AttributeType) -> pyarrow.DictionaryArray:
    """As `typed_array`, with the distinct values sorted."""
    array = typed_array(values, type)
    if type == "list of texts":
        return _encode_lists(array.to_pylist())
    encoded = array.dictionary_encode()
    order = compute.sort_indices(encoded.dictionary)
    ranks = pyarrow.array(np.argsort(order.to_numpy()), pyarrow.int32())
    return pyarrow.DictionaryArray.from_arrays(ranks.take(encoded.indices), encoded.dictionary.take(order))


def _encode_lists(values: Sequence[list[str] | None]) -> pyarrow.DictionaryArray:
    rows = [None if value is None else tuple(value) for value in values]
    distinct = sorted({row for row in rows if row is not None})
    codes = {row: code for code, row in enumerate(distinct)}
    indices = pyarrow.array([None if row is None else codes[row] for row in rows], pyarrow.int32())
    return pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(map(list, distinct), ARROW["list of texts"]))
