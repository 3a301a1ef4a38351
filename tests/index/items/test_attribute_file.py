"""The attributes of a snapshot of manifest version 3 open, and answer as if they were written today."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import ipc

from index.items import attribute_file
from index.items.attribute_file import COUNT, UNTYPED
from index.items.columns import GrowingColumns
from index.items.facets import counts
from index.items.filters import mask, parse
from index.sources.cells import Value
from models.errors import GalleryBroken

ROWS: list[dict[str, Value]] = [
    {"price": 20, "colour": "red", "code": "007", "new": True, "size": 1, "none": None},
    {"price": 19.5, "colour": 'größe "\\', "code": 7, "new": False, "size": 2},
    {"price": 20.0, "colour": "red", "code": True, "new": None, "size": 10**20},
    {"price": None, "colour": "", "code": None, "size": None},
    {"price": -0.0, "colour": "null", "code": "7"},
]


def write_untyped(path: Path, rows: Sequence[dict[str, Value]]) -> None:
    """Write each attribute as that version did: codes of sorted JSON texts, "null" for a missing value."""
    columns: dict[str, pyarrow.DictionaryArray] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        texts = [json.dumps(row.get(name), ensure_ascii=False) for row in rows]
        distinct = sorted(set(texts))
        codes = pyarrow.array([distinct.index(text) for text in texts], pyarrow.int32())
        columns[name] = pyarrow.DictionaryArray.from_arrays(codes, pyarrow.array(distinct, pyarrow.large_string()))
    schema = pyarrow.schema([(name, UNTYPED) for name in columns], metadata={COUNT: str(len(rows))})
    with ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pyarrow.record_batch(list(columns.values()), schema=schema))


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [{}, {}]])
def test_an_untyped_file_answers_as_a_typed_one(tmp_path: Path, rows: list[dict[str, Value]]) -> None:
    write_untyped(tmp_path / "old.arrow", rows)
    attribute_file.write(tmp_path / "new.arrow", ((str(number), row) for number, row in enumerate(rows)))
    old, new = attribute_file.read(tmp_path / "old.arrow"), attribute_file.read(tmp_path / "new.arrow")
    assert (old.types, len(old)) == (new.types, len(rows))
    assert [json.dumps(old.at(row)) for row in range(len(rows))] == [
        json.dumps(new.at(row)) for row in range(len(rows))
    ]
    everything, none = np.ones(len(rows), np.bool_), GrowingColumns({})
    for name in old.types:
        found = [counts(columns, everything, none, everything[:0], name, 9) for columns in (old, new)]
        assert found[0] == found[1]
    for filter in ({"price": 20}, {"price": {"lt": 20}}, {"colour": ["red", ""]}, {"code": "7"}, {"new": None}):
        held = mask(parse(filter), old, len(rows)).tolist()
        assert held == mask(parse(filter), new, len(rows)).tolist()


def test_a_mix_of_an_untyped_file_becomes_text(tmp_path: Path) -> None:
    write_untyped(tmp_path / "old.arrow", ROWS)
    columns = attribute_file.read(tmp_path / "old.arrow")
    assert columns.types == {
        "price": "number",
        "colour": "text",
        "code": "text",
        "new": "boolean",
        "size": "text",
        "none": None,
    }
    assert [columns.get("code").at(row) for row in range(5)] == ["007", "7", "true", None, "7"]
    assert mask(parse({"price": 20}), columns, 5).tolist() == [True, False, True, False, False]


def test_a_code_of_no_value_is_refused(tmp_path: Path) -> None:
    column = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0, 2], pyarrow.int32()), pyarrow.array(['"x"'], pyarrow.large_string()), safe=False
    )
    schema = pyarrow.schema([("a", UNTYPED)], metadata={COUNT: "2"})
    with ipc.new_file(str(tmp_path / "a.arrow"), schema) as writer:
        writer.write_batch(pyarrow.record_batch([column], schema=schema))
    with pytest.raises(GalleryBroken, match=r"a\.arrow .*rebuild the gallery"):
        attribute_file.read(tmp_path / "a.arrow")
