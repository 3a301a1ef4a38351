"""Metrics of a result: the mean of groups weighs small ones more, groups have rows of their own, and rare metrics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ConfigError
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.result import NEVER, Answers, EvaluatedModel, Protocol, Result, values

MODEL = EvaluatedModel(method="sum", model_id="a", space_id="b", template="{text}", text_weight=0.5)


def asked(*groups: str) -> list[BenchmarkQuery]:
    """Return a query of each group."""
    return [BenchmarkQuery(str(n), "r", ("in red",), ("t",), "all", groups=(group,)) for n, group in enumerate(groups)]


def answers(*ranks: int) -> Answers:
    return Answers(tuple((rank,) for rank in ranks), ((),) * len(ranks))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, 7, 11, NEVER])), min_size=1, max_size=30))
def test_the_mean_of_groups_is_the_unweighted_mean_of_their_means(cases: list[tuple[str, int]]) -> None:
    groups, ranks = zip(*cases, strict=True)
    found = values(Scoring(("R@10",), mean="groups"), asked(*groups), answers(*ranks))["R@10"]
    means = [np.mean([rank <= 10 for group, rank in cases if group == each]) for each in set(groups)]
    assert found.mean() == pytest.approx(np.mean(means))


def test_a_groups_own_row_is_the_plain_mean_of_its_queries() -> None:
    scoring = Scoring(("R@10", "R@50"), mean="groups")
    queries = asked("dress", "dress", "dress", "shirt")
    protocol = Protocol("fashioniq", "original", "val", {}, scoring, {"dress": 9, "shirt": 9}, queries=4)
    found = Result.from_answers(protocol, MODEL, queries, {"sum": answers(1, 11, 60, 60)}, date="2026-01-01")
    assert found.rows["sum"]["R@10"].value == pytest.approx((1 / 3 + 0) / 2)
    assert found.rows["sum, dress"]["R@50"].value == pytest.approx(2 / 3)
    assert found.rows["sum, shirt"]["R@50"].value == 0.0
    low, high = found.rows["sum"]["R@50"].low, found.rows["sum"]["R@50"].high
    assert low <= found.rows["sum"]["R@50"].value <= high


def test_circos_aspects_have_the_plain_mean_of_their_queries() -> None:
    scoring = Scoring(("mAP@5",))
    queries = [
        BenchmarkQuery("0", "r", ("",), ("t", "u"), "all", groups=("negation", "addition")),
        BenchmarkQuery("1", "r", ("",), ("t",), "all", groups=("addition",)),
    ]
    protocol = Protocol("circo", "official", "val", {}, scoring, {"all": 9}, queries=2)
    found = Result.from_answers(
        protocol, MODEL, queries, {"sum": Answers(((3, 1), (NEVER,)), ((), ()))}, date="2026-01-01"
    ).rows
    assert found["sum, negation"]["mAP@5"].value == pytest.approx((1 + 2 / 3) / 2)
    assert found["sum, addition"]["mAP@5"].value == found["sum"]["mAP@5"].value == pytest.approx((1 + 2 / 3) / 4)


def test_the_targets_rank_and_the_best_rank_are_two_things() -> None:
    found = Answers(((30, 2), (4,)), ((), ()))
    assert found.target.tolist() == [30, 4] and found.best.tolist() == [2, 4]


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="no metric 'nDCG@10'"):
        values(Scoring(("nDCG@10",)), asked("a"), answers(1))
