"""The rows of the latest filters are cached, within a number of bytes, whatever the number of filters."""

from typing import cast

import numpy as np
import pyarrow
import pytest

from index.items import items
from index.items.columns import GrowingColumns
from index.items.filters import parse
from index.items.items import ItemTable
from index.storage import view
from index.storage.view import OpenSnapshot
from index.vectors.ranking import Ranking

COUNT = 5000


@pytest.fixture(scope="module")
def table() -> ItemTable:
    """Items whose attribute `n` is their row."""
    states = {name: [""] * COUNT for name in items.STATES}
    ids = pyarrow.table({"id": [str(row) for row in range(COUNT)], **states})
    columns = GrowingColumns({})
    for row in range(COUNT):
        columns.append({"n": row})
    return ItemTable(ids, columns)


def test_the_latest_filters_are_cached_within_the_bytes(table: ItemTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "CACHE_BYTES", 20_000)
    opened = OpenSnapshot(table, cast(Ranking, None))  # which no selection uses
    parsed = [parse({"n": {"lt": bound}}) for bound in range(100)]
    selections = [opened.selection(filter) for filter in parsed]
    assert [selection.count for selection in selections] == list(range(100))
    assert opened.selection(parsed[-1]) is selections[-1]
    assert opened.selection(parsed[0]) is not selections[0]
    again = [opened.selection(filter) for filter in parsed]
    assert sum(new is old for new, old in zip(again, selections, strict=True)) <= 20_000 // selections[0].nbytes


def test_a_selection_larger_than_the_cache_is_computed_each_time(
    table: ItemTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "CACHE_BYTES", COUNT)
    opened = OpenSnapshot(table, cast(Ranking, None))
    filter = parse({"n": {"gte": 10}})
    first, second = opened.selection(filter), opened.selection(filter)
    assert first is not second
    np.testing.assert_array_equal(first.mask, second.mask)
