"""A facet counts what a plain loop counts, the most frequent values first."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest

from index.items import attribute_file
from index.items.columns import Columns, GrowingColumns
from index.items.facets import counts, distinct, extent
from index.items.values import Scalar
from index.sources.cells import Value
from models.arrays import Flags

POOLS: dict[str, list[Value]] = {
    "boolean": [None, True, False],
    "integer": [None, *range(-3, 60)],
    "number": [None, 1, 1.0, 0.5, -0.0, 0, *(number / 4 for number in range(80))],
    "text": [None, "1", "", "ü", 'a"', "a!", "a", "null", *map(str, range(60))],
    "list of texts": [None, [], ["a"], ["b", "a"], ["a", "c", "ü"], *([str(number), "a"] for number in range(40))],
}


def written(path: Path, rows: Sequence[dict[str, Value]]) -> Columns:
    attribute_file.write(path, ((str(number), row) for number, row in enumerate(rows)))
    return attribute_file.read(path)


def alone(columns: Columns, name: str, mask: Flags, top: int) -> list[tuple[Scalar, int]]:
    """The counts of one part."""
    return counts(columns, mask, GrowingColumns({}), np.empty(0, np.bool_), name, top)


def grown(rows: Sequence[dict[str, Value]], like: Columns | None = None) -> Columns:
    columns = GrowingColumns({} if like is None else like.types)
    for row in rows:
        columns.append(row)
    return columns


def naive(rows: Sequence[dict[str, Value]], mask: Sequence[bool], top: int) -> list[tuple[Scalar, int]]:
    found: Counter[Scalar] = Counter()
    for row, counted in zip(rows, mask, strict=True):
        value = row.get("a")
        if counted and value is not None:
            found.update(value if isinstance(value, list) else [value])
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))[:top]


@pytest.mark.parametrize("type", list(POOLS))
@pytest.mark.parametrize("seed", range(6))
def test_the_counts_are_those_of_a_plain_loop(tmp_path: Path, type: str, seed: int) -> None:
    random = Random(seed)
    rows = [{"a": random.choice(POOLS[type])} if random.random() < 0.9 else {} for _ in range(60 * (seed + 1))]
    rows[0] = {"a": POOLS[type][-1], "b": None}
    cut = random.randrange(1, len(rows) + 1)
    whole = written(tmp_path / "whole.arrow", rows)
    first = written(tmp_path / "first.arrow", rows[:cut])
    second = grown(rows[cut:], first)
    for share in (0.0, 0.2, 1.0):
        mask = np.array([random.random() < share for _ in rows])
        for top in (1, 3, 10, 1000):
            expected = naive(rows, mask.tolist(), top)
            assert alone(whole, "a", mask, top) == alone(grown(rows, whole), "a", mask, top) == expected
            assert counts(first, mask[:cut], second, mask[cut:], "a", top) == expected
        assert alone(whole, "b", mask, 5) == []
        numbers = [
            value
            for row, counted in zip(rows, mask, strict=True)
            if counted and isinstance(value := row.get("a"), int | float) and type in ("integer", "number")
        ]
        ends = (min(numbers), max(numbers)) if numbers else None
        assert extent(first, mask[:cut], second, mask[cut:], "a") == ends
        if type != "list of texts":
            values = [row.get("a") for row, counted in zip(rows, mask, strict=True) if counted]
            expected_groups = len(set(values) - {None}) + values.count(None)
            assert distinct(first, mask[:cut], second, mask[cut:], "a") == expected_groups


def test_a_number_written_in_two_ways_is_counted_once(tmp_path: Path) -> None:
    prices: list[Value] = [20.0, 20, 0, -0.0, 1]
    columns = written(tmp_path / "a.arrow", [{"price": price} for price in prices])
    assert alone(columns, "price", np.ones(5, np.bool_), 9) == [(0.0, 2), (20.0, 2), (1.0, 1)]


def test_rows_appended_after_the_mask_are_not_counted() -> None:
    columns = GrowingColumns({})
    for text in "xy":
        columns.append({"a": text})
    mask = np.ones(2, np.bool_)
    for text in "yz":
        columns.append({"a": text})
    assert alone(columns, "a", mask, 5) == [("x", 1), ("y", 1)]


def test_an_attribute_that_no_row_has_counts_nothing() -> None:
    assert alone(grown([{"a": 1}]), "b", np.ones(1, np.bool_), 5) == []
