"""Reads the attributes of snapshots whose manifest is of version 3: JSON texts, brought to one type each.

A rebuild or a compaction writes them typed. Remove this file when version 3 is no longer read.
"""

import json

import pyarrow

from index.items.arrow_columns import dictionary_encode, first_rows
from index.items.attribute_types import common_type

KIND = pyarrow.dictionary(pyarrow.int32(), pyarrow.large_string())


def typed(column: pyarrow.Array) -> pyarrow.DictionaryArray:
    """The column with the type that a build would choose; raises ValueError if it is damaged."""
    if column.type != KIND or column.null_count or column.dictionary.null_count:
        raise ValueError("it holds no columns of attributes")
    values = [json.loads(text) for text in column.dictionary.to_pylist()]
    encoded = dictionary_encode(values, common_type(first_rows(values)))
    return pyarrow.DictionaryArray.from_arrays(encoded.indices.take(column.indices), encoded.dictionary)
