"""The hits of a ranking are those of a plain loop, however the ranking grows, in far less time."""

import time
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from index.search.result_rules import BLOCK, NO_GROUP, PLAIN, Arrangement, ResultRules
from models.arrays import Codes, Embeddings, Flags, Rows, normalised

COUNT = 600


def unchecked() -> None:
    """The check of a search without a deadline."""


@pytest.fixture(scope="module")
def vectors() -> Embeddings:
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((60, 16)).astype(np.float32)
    near = centres[generator.integers(60, size=COUNT)] + 0.1 * generator.standard_normal((COUNT, 16), np.float32)
    near[::50] = near[7]  # copies
    return normalised(near)


def naive(
    order: list[int],
    pinned: list[int],
    dropped: set[int],
    odd: bool,
    groups: list[int] | None,
    alike: float | None,
    vectors: Embeddings,
) -> list[int]:
    hits: list[int] = []
    for place, row in enumerate([*pinned, *order]):
        if row in hits or row in dropped or (odd and row % 7 == 3):
            continue
        if groups and groups[row] != NO_GROUP and groups[row] in [groups[other] for other in hits]:
            continue
        cosines = [round(float(vectors[row] @ vectors[other]), 6) for other in hits] if alike else []
        if alike and place >= len(pinned) and any(cosine >= alike for cosine in cosines):
            continue
        hits.append(row)
    return hits


@pytest.mark.slow
def test_any_rules_give_what_a_plain_loop_gives(vectors: Embeddings) -> None:
    random = Random(1)

    def unwanted(rows: Rows) -> Flags:
        return rows % 7 == 3

    for _ in range(60):
        order = random.sample(range(COUNT), random.randrange(1, COUNT))
        spread = random.choice([3, 40, 400])
        codes: list[int] = [random.randrange(-1, spread) for _ in range(COUNT)]
        by_row = np.array(codes)
        odd, grouped = random.random() < 0.3, random.random() < 0.5
        pinned = random.choices(range(COUNT), k=random.randrange(6))  # some twice
        dropped = random.sample(range(COUNT), random.randrange(100))
        alike = random.choice([None, 0.5, 0.95, 1.0])
        rules = ResultRules(
            pinned=pinned,
            dropped=dropped,
            unwanted=unwanted if odd else None,
            groups=by_row.__getitem__ if grouped else None,
            alike=alike,
            vectors=vectors.__getitem__,
        )
        whole = naive(order, pinned, {*dropped}, odd, codes if grouped else None, alike, vectors)
        for count in (1, 5, BLOCK, COUNT):
            arrangement = Arrangement(rules, count=count)
            for length in (len(order) // 5, len(order) // 2, len(order)):  # a ranking that grows
                arrangement.extend(np.array([*order[:length], -1, -1]), unchecked)
            assert arrangement.rows == whole[:count]
            assert len(arrangement) == len(arrangement.rows)


def test_no_rules_leave_the_order_as_it_is() -> None:
    for count, rows in ((2, [4, 2]), (9, [4, 2, 9])):
        arrangement = Arrangement(PLAIN, count=count)
        arrangement.extend(np.array([4, 2]), unchecked)
        arrangement.extend(np.array([4, 2, 9, -1]), unchecked)
        assert arrangement.rows == rows and len(arrangement) == len(rows)


def test_no_more_rows_are_looked_at_than_are_needed() -> None:
    seen: list[int] = []

    def unwanted(rows: Rows) -> Flags:
        seen.extend(rows.tolist())
        return np.zeros(len(rows), np.bool_)

    Arrangement(ResultRules(unwanted=unwanted), count=10).extend(np.arange(10_000), unchecked)
    assert len(seen) <= BLOCK


def test_each_block_is_checked_so_that_a_search_can_end(vectors: Embeddings) -> None:
    checks: list[None] = []
    rules = ResultRules(alike=1.0, vectors=lambda rows: vectors[rows % COUNT])
    Arrangement(rules, count=10 * BLOCK).extend(np.arange(10 * BLOCK), lambda: checks.append(None))
    assert len(checks) == 9


@pytest.mark.parametrize("alike", [None, 1.0])
def test_ten_thousand_different_rows_are_arranged_within_seconds(alike: float | None) -> None:
    unit = normalised(np.random.default_rng(2).standard_normal((10_000, 64)).astype(np.float32))
    groups: Callable[[Rows], Codes] = np.arange(10_000).__getitem__
    began = time.process_time()
    arrangement = Arrangement(ResultRules(groups=groups, alike=alike, vectors=unit.__getitem__), count=10_000)
    arrangement.extend(np.arange(10_000), unchecked)
    assert len(arrangement) == 10_000
    assert time.process_time() - began < 10  # a loop over pairs takes minutes
