"""Metrics against naive oracles on random rankings, with ties and with more targets than K."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics import retrieval


def naive_ranks(scores: list[float], relevant: list[int]) -> list[int]:
    """Return ranks by counting all that score higher, or equal and irrelevant, or equal and earlier."""
    found = []
    for row in relevant:
        ahead = 0
        for other, score in enumerate(scores):
            if score > scores[row] or (score == scores[row] and (other not in relevant or other < row)):
                ahead += other != row
        found.append(ahead + 1)
    return sorted(found)


rankings = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=n, max_size=n),
        st.sets(st.integers(0, n - 1), min_size=1),
    )
)


@given(rankings)
def test_ranks_against_the_query_equal_counting(ranking: tuple[list[float], set[int]]) -> None:
    scores, relevant = np.array(ranking[0], dtype=np.float32), sorted(ranking[1])
    expected = naive_ranks(ranking[0], relevant)
    order = retrieval.order(scores, last=np.array(relevant))
    assert sorted(retrieval.ranks(order, np.array(relevant)).tolist()) == expected
    assert retrieval.first_ranks(scores[None], [np.array(relevant)]).tolist() == expected[:1]


@given(rankings)
def test_an_order_is_by_score_then_by_row(ranking: tuple[list[float], set[int]]) -> None:
    scores, wanted = ranking[0], sorted(ranking[1], reverse=True)
    order = retrieval.order(np.array(scores, dtype=np.float32))
    assert order.tolist() == sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    ranks = retrieval.ranks(order, np.array(wanted))
    assert ranks.tolist() == [order.tolist().index(row) + 1 for row in wanted]


@pytest.mark.slow
@given(rankings, st.integers(1, 12))
def test_average_precision_equals_its_definition(ranking: tuple[list[float], set[int]], k: int) -> None:
    found = naive_ranks(ranking[0], sorted(ranking[1]))
    total = sum(sum(r <= rank for r in found) / rank for rank in range(1, k + 1) if rank in found)
    ours = retrieval.average_precision(np.array(found), k, relevant=len(found))
    assert abs(ours - total / min(len(found), k)) < 1e-12


def test_circos_average_precision_divides_by_the_smaller_of_targets_and_k() -> None:
    found = np.array([1, 3, 40])
    assert abs(retrieval.average_precision(found, 5, relevant=3) - (1 + 2 / 3) / 3) < 1e-12
    assert retrieval.average_precision(np.arange(1, 30), 10, relevant=29) == 1.0


def test_a_scorer_that_knows_nothing_gets_nothing() -> None:
    scores = np.ones((4, 9), dtype=np.float32)
    relevant = [np.array([0]), np.array([8]), np.array([0, 1]), np.array([4])]
    assert retrieval.first_ranks(scores, relevant).tolist() == [9, 9, 8, 9]
