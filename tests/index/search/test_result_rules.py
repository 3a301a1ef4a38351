"""The arrangement of an order is that of a plain loop, and a longer order begins with a shorter one's rows."""

from random import Random

import numpy as np
import pytest

from index.search.result_rules import PLAIN, ResultRules, apply_rules
from models.arrays import Embeddings, Rows, normalised

COUNT = 60


@pytest.fixture(scope="module")
def vectors() -> Embeddings:
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((12, 8)).astype(np.float32)
    return normalised(
        centres[generator.integers(12, size=COUNT)] + 0.1 * generator.standard_normal((COUNT, 8), np.float32)
    )


def naive(order: list[int], rules: ResultRules, groups: list[object], vectors: Embeddings) -> list[int]:
    found: list[int] = []
    for place, row in enumerate([*rules.pinned, *order]):
        pinned = place < len(rules.pinned)
        if row in found or row in rules.dropped or (rules.unwanted and rules.unwanted(row)):
            continue
        if rules.group and groups[row] is not None and groups[row] in [groups[other] for other in found]:
            continue
        if rules.alike and not pinned and any(vectors[row] @ vectors[other] >= rules.alike for other in found):
            continue
        found.append(row)
    return found


def test_any_rules_give_what_a_plain_loop_gives(vectors: Embeddings) -> None:
    random = Random(1)

    def take(rows: Rows) -> Embeddings:
        return vectors[rows]

    for _ in range(300):
        order = random.sample(range(COUNT), random.randrange(1, COUNT))
        groups: list[object] = [random.choice(["a", "b", "c", 1, None]) for _ in range(COUNT)]
        odd = random.random() < 0.3
        rules = ResultRules(
            pinned=random.sample(range(COUNT), random.randrange(4)),
            dropped=frozenset(random.sample(range(COUNT), random.randrange(10))),
            unwanted=(lambda row: row % 7 == 3) if odd else None,
            group=groups.__getitem__ if random.random() < 0.5 else None,
            alike=random.choice([None, 0.5, 0.95]),
            vectors=take,
        )
        whole = naive(order, rules, groups, vectors)
        for count in (1, 5, COUNT):
            assert apply_rules(np.array([*order, -1, -1]), rules, count=count) == whole[:count]


def test_no_rules_leave_the_order_as_it_is() -> None:
    assert apply_rules(np.array([4, 2, 9, -1]), PLAIN, count=2) == [4, 2]
    assert apply_rules(np.array([4, 2, 9, -1]), PLAIN, count=9) == [4, 2, 9]
