"""The rows of the latest filters are cached, within a number of bytes, whatever the number and size of filters."""

import gc
import tracemalloc
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow
import pytest

from index.items import items
from index.items.columns import GrowingColumns
from index.items.filters import parse
from index.items.items import ItemTable
from index.storage import open_snapshot
from index.storage.open_snapshot import OpenSnapshot
from index.vectors import ranking, shards
from index.vectors.exact import Exact, scaled
from index.vectors.ranking import Ranking
from index.vectors.shards import Shards

COUNT = 5000


def unchecked() -> None:
    """The check of a search without a deadline."""


@pytest.fixture(scope="module")
def table() -> ItemTable:
    """Items whose attribute `n` is their row."""
    states = {name: [""] * COUNT for name in items.STATES}
    ids = pyarrow.table({"id": [str(row) for row in range(COUNT)], **states})
    columns = GrowingColumns({})
    for row in range(COUNT):
        columns.append({"n": row})
    return ItemTable(ids, columns)


def snapshot(table: ItemTable) -> OpenSnapshot:
    exact = Exact(np.zeros((COUNT, 4), np.float16), np.ones(COUNT, np.float32))
    return OpenSnapshot(table, Ranking(cast(Shards, None), exact, 1))  # no selection uses the shards


def test_the_latest_filters_are_cached_within_the_bytes(table: ItemTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_snapshot, "CACHE_BYTES", 40_000)
    opened = snapshot(table)
    parsed = [parse({"n": {"lt": bound}}) for bound in range(100)]
    selections = [opened.selection(filter, unchecked) for filter in parsed]
    assert [selection.count for selection in selections] == list(range(100))
    assert opened.selection(parsed[-1], unchecked) is selections[-1]
    assert opened.selection(parsed[0], unchecked) is not selections[0]
    again = [opened.selection(filter, unchecked) for filter in parsed]
    assert sum(new is old for new, old in zip(again, selections, strict=True)) <= 40_000 // selections[0].nbytes


def test_a_selection_larger_than_the_cache_is_computed_each_time(
    table: ItemTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_snapshot, "CACHE_BYTES", COUNT)
    opened = snapshot(table)
    filter = parse({"n": {"gte": 10}})
    first, second = opened.selection(filter, unchecked), opened.selection(filter, unchecked)
    assert first is not second
    np.testing.assert_array_equal(first.mask, second.mask)


def test_a_filter_that_is_used_again_is_narrowed_within_the_bytes(
    table: ItemTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ranking, "SCANNED", 10)
    vectors = np.random.default_rng(0).standard_normal((COUNT, 32)).astype(np.float16)
    written = shards.write(tmp_path, shards.train(vectors, encoding="sq8"), vectors, shards=1)
    opened = Shards.open([tmp_path / name for name, _ in written], encoding="sq8")
    monkeypatch.setattr(open_snapshot, "NARROWED_BYTES", 1000 * (32 + 8))
    snapshot = OpenSnapshot(table, Ranking(opened, Exact(vectors, scaled(vectors)), 4))
    for bound, narrowed in ((5, False), (1000, True), (1001, False)):
        filter, found = parse({"n": {"lt": bound}}), []
        for search in range(1, 6):
            selection = snapshot.selection(filter, unchecked)
            assert (selection.sub_index is not None) == (narrowed and search >= open_snapshot.NARROWED_AFTER)
            if bound > 10:
                found.append(snapshot.ranking.best(vectors[:3].astype(np.float32), 20, only=selection, nprobe=9)[1])
        assert all(np.array_equal(each, found[0]) for each in found)
    assert snapshot._selections.currsize > 1000 * (32 + 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "length", "wide"),
    [(1, 1, False), (1000, 1, False), (1000, 900, False), (300, 900, True), (1, 900, True)],
)
def test_memory_stays_within_the_bytes_however_large_the_filters_are(
    table: ItemTable, monkeypatch: pytest.MonkeyPatch, values: int, length: int, wide: bool
) -> None:
    monkeypatch.setattr(open_snapshot, "CACHE_BYTES", most := 4 * 2**20)
    opened = snapshot(table)
    letter = "\N{GRINNING FACE}" if wide else "x"  # four bytes each, or one

    def search(number: int) -> None:
        texts = [f"{number} {value} ".ljust(length, letter) for value in range(values)]
        either = [{"n": texts}, {"n": {"gte": number}}]
        selection = opened.selection(parse({"or": either[: 2 if values < 1000 else 1]}), unchecked)
        assert len(selection.rows) == selection.count and selection.selector  # as a search makes them

    for number in range(20):
        search(number)
    gc.collect()
    tracemalloc.start()
    for number in range(20, 2000 if values == 1 else 200):
        search(number)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1.2 * most
