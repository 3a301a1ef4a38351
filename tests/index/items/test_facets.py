"""A facet counts what a plain loop counts, the most frequent values first."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from index.items import columns as attribute_columns
from index.items.columns import Columns
from index.items.facets import counts, distinct, joint_counts
from index.sources.rows import Value


def naive(rows: list[dict[str, Value]], name: str, kept: list[bool], top: int) -> list[tuple[str, int]]:
    """Values as JSON, which tells 1 from true."""
    values = [json.dumps(row.get(name), ensure_ascii=False) for row, keep in zip(rows, kept, strict=True) if keep]
    found = Counter(value for value in values if value != "null")
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))[:top]


@pytest.mark.parametrize("seed", range(30))
def test_the_counts_are_those_of_a_plain_loop(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    pool: list[Value] = [None, True, False, 1, 1.0, "1", "", "ü", 'a"', "a!", "a", 2, -3, 0.5, "null"]
    pool += list(range(10, 10 + 3 * seed))
    rows: list[dict[str, Value]] = [
        {"a": pool[int(place)]} if generator.random() < 0.9 else {}
        for place in generator.integers(0, len(pool), 20 * (seed + 1))
    ]
    rows[0] = {"a": "only here", "b": None}
    cut = int(generator.integers(1, len(rows) + 1))
    attribute_columns.write(tmp_path / "attributes.arrow", rows[:cut])
    columns = Columns.open(tmp_path / "attributes.arrow")
    for row in rows[cut:]:
        columns.append(row)
    for share in (0.0, 0.2, 1.0):
        kept = generator.random(len(rows)) < share
        for top in (1, 3, 10, 1000):
            found = counts(columns, "a", kept, top)
            shown = [(json.dumps(value, ensure_ascii=False), number) for value, number in found]
            assert shown == naive(rows, "a", kept.tolist(), top)
        assert counts(columns, "b", kept, 5) == []


def test_rows_appended_after_the_mask_are_not_counted() -> None:
    columns = Columns.of([{"a": "x"}, {"a": "y"}])
    mask = np.ones(2, np.bool_)
    columns.append({"a": "y"})
    columns.append({"a": "z"})
    assert counts(columns, "a", mask, 5) == [("x", 1), ("y", 1)]


def test_an_attribute_that_no_row_has_counts_nothing() -> None:
    assert counts(Columns.of([{"a": 1}]), "b", np.ones(1, np.bool_), 5) == []


def test_two_parts_are_counted_as_one_would_be() -> None:
    random = Random(3)
    for _ in range(50):
        rows = [{"a": random.choice(["x", "y", "z", 1, None, random.randrange(40)])} for _ in range(80)]
        mask = np.array([random.random() < 0.6 for _ in rows])
        cut = random.randrange(60, 80)
        parts = Columns.of(rows[:cut]), mask[:cut], Columns.of(rows[cut:]), mask[cut:]
        for top in (1, 3, 100):
            assert joint_counts(*parts, "a", top) == counts(Columns.of(rows), "a", mask, top)
        kept = [json.dumps(row["a"]) for row, keep in zip(rows, mask, strict=True) if keep]
        assert distinct(*parts, "a") == len({*kept} - {"null"}) + kept.count("null")
