"""A change comes back from its row as it was, and a row that was touched does not come back."""

from typing import cast

import numpy as np
import pytest

from index.items.items import GalleryItem
from index.sources.cells import Value
from index.storage.changes import Delete, Entry, Row, Upsert, packed, unpacked
from models.errors import InputError

ATTRIBUTES: dict[str, Value] = {"grösse": "XL", "price": 10.0, "stock": 3, "sale": True, "brand": None}


def upsert(**attributes: Value) -> Upsert:
    vector = np.random.default_rng(0).standard_normal(16).astype(np.float16)
    return Upsert(GalleryItem("röck/1", "/pictures/röck 1.jpg", attributes), "ab" * 32, "cd" * 32, vector)


def test_an_upsert_comes_back_with_every_type_and_bit() -> None:
    change = upsert(**ATTRIBUTES)
    entry = unpacked(packed(Entry(7, change)))
    assert isinstance(entry.change, Upsert)
    assert (entry.seq, entry.change.item, entry.change.id) == (7, change.item, "röck/1")
    assert {name: type(value) for name, value in entry.change.item.attributes.items()} == {
        name: type(value) for name, value in ATTRIBUTES.items()
    }
    assert (entry.change.content, entry.change.space_id) == (change.content, change.space_id)
    assert entry.change.vector.dtype == np.float16
    np.testing.assert_array_equal(entry.change.vector, change.vector)


def test_a_delete_comes_back() -> None:
    assert unpacked(packed(Entry(3, Delete("röck/1")))) == Entry(3, Delete("röck/1"))


def touched() -> list[tuple[int, object]]:
    vector = bytearray(np.random.default_rng(0).standard_normal(16).astype("<f2").tobytes())
    vector[5] ^= 1
    others: list[tuple[int, object]] = [(0, 8), (1, "röck/2"), (1, b"r"), (2, None), (2, 5), (3, "ab" * 31 + "ac")]
    return [*others, (4, '{"price": 11.0}'), (5, "cd"), (6, bytes(vector)), (6, None), (6, "text"), (7, 1)]


@pytest.mark.parametrize(("column", "value"), touched())
def test_a_row_with_another_value_in_any_column_is_refused(column: int, value: object) -> None:
    row: list[object] = list(packed(Entry(7, upsert(price=10.0))))
    assert row[column] != value
    row[column] = value
    with pytest.raises(ValueError, match=r"checksum|type"):
        unpacked(cast(Row, tuple(row)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "half \ud800 a character"])
def test_attributes_that_could_not_be_read_back_are_refused_with_the_items_name(value: Value) -> None:
    with pytest.raises(InputError, match="röck/1"):
        packed(Entry(1, upsert(price=value)))


def test_a_vector_that_is_not_finite_or_not_one_row_is_refused() -> None:
    change = upsert()
    for vector in (np.full(16, np.nan, np.float16), np.ones((2, 8), np.float16)):
        with pytest.raises(InputError, match="röck/1"):
            packed(Entry(1, Upsert(change.item, change.content, change.space_id, vector)))
