"""The lists that a build measures reach their recall, also where a filter leaves out most of the rows."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from index.vectors import shards
from index.vectors.encodings import Encoding
from index.vectors.exact import Exact, scaled
from index.vectors.probing import ProbeCounts, tuned
from index.vectors.ranking import Ranking
from index.vectors.recall import RECALL_AT, RecallProbe, composed_queries, recall
from index.vectors.selection import DeadRows, Selection
from index.vectors.shards import Probes, Shards
from models.arrays import normalised

COUNT, DIMENSION, GOAL = 40_000, 32, 0.95
FEW = 100  # rows that are scanned here


@pytest.fixture(scope="module", params=["flat", "sq8"])
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Ranking, ProbeCounts]]:
    encoding: Encoding = request.param
    generator = np.random.default_rng(3)
    centres = generator.standard_normal((COUNT // 20, DIMENSION))
    drawn = centres[generator.integers(len(centres), size=COUNT)] + 0.6 * generator.standard_normal((COUNT, DIMENSION))
    vectors = normalised(drawn.astype(np.float32)).astype(np.float16)
    folder = tmp_path_factory.mktemp(encoding)
    written = shards.write(folder, shards.train(vectors, encoding=encoding), vectors, shards=2)
    opened = Shards.open([folder / name for name, _ in written], encoding=encoding)
    ranking = Ranking(opened, Exact(vectors, scaled(vectors)), opened.nlist)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("index.vectors.ranking.SCANNED", FEW)  # so that the lists are asked for few rows, too
        probing = tuned(ranking, RecallProbe.sample(ranking.exact), GOAL)
        yield Ranking(opened, ranking.exact, probing.nprobe, probing.margin, probing.reach), probing


@pytest.mark.slow
@pytest.mark.parametrize("share", [1.0, 0.7, 0.5, 0.3, 0.2, 0.15, 0.05, 0.01, 0.002])
def test_what_a_filter_keeps_is_found_as_well_as_all(measured: tuple[Ranking, ProbeCounts], share: float) -> None:
    ranking, _ = measured
    only = Selection(np.random.default_rng(5).random(COUNT) < share)
    queries = composed_queries(ranking.exact.vectors, count=200, seed=7)
    truth, _ = ranking.exact.best(queries, only.rows, RECALL_AT)
    found, rows = ranking.best(queries, RECALL_AT, only=only)
    assert only.mask[rows].all()
    assert recall(found[:, :RECALL_AT], truth) >= GOAL - 0.03  # of other queries and rows than were measured
    assert ranking.scans(only) == (only.count <= FEW)


@pytest.mark.slow
def test_the_margin_reaches_the_goal_on_other_queries_with_fewer_lists(measured: tuple[Ranking, ProbeCounts]) -> None:
    ranking, probing = measured
    assert probing.margin is not None and 0 < probing.margin < 1
    queries = composed_queries(ranking.exact.vectors, count=400, seed=7)
    truth, _ = ranking.exact.best(queries, np.arange(COUNT), RECALL_AT)
    assert recall(ranking.probed(queries, RECALL_AT, None)[0], truth) >= GOAL - 0.02
    narrow = replace(ranking, margin=probing.margin / 2)
    assert recall(narrow.probed(queries, RECALL_AT, None)[0], truth) < GOAL


@pytest.mark.slow
def test_deep_results_of_few_lists_go_on_with_the_rows_of_the_others(measured: tuple[Ranking, ProbeCounts]) -> None:
    ranking = replace(measured[0], margin=0.01)
    queries = composed_queries(ranking.exact.vectors, count=5, seed=7)
    _, few = ranking.probed(queries, 20, None)
    _, many = ranking.probed(queries, 9_000, None)
    for first, line in zip(few, many, strict=True):
        np.testing.assert_array_equal(line[:20], first)
        assert len(set(line.tolist())) == 9_000 and line.min() >= 0


@pytest.mark.slow
def test_the_margin_is_not_used_once_many_rows_are_dead(measured: tuple[Ranking, ProbeCounts]) -> None:
    ranking, _ = measured
    queries = composed_queries(ranking.exact.vectors, count=200, seed=7)
    alive = np.random.default_rng(5).random(COUNT) < 0.3
    dead = DeadRows(np.flatnonzero(~alive), alive)
    truth, _ = ranking.exact.best(queries, np.flatnonzero(alive), RECALL_AT)
    found, rows = ranking.best(queries, RECALL_AT, dead=dead)
    assert alive[rows[:, :RECALL_AT]].all()
    assert recall(found[:, :RECALL_AT], truth) >= GOAL - 0.03


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.2, 0.1, 0.02])
def test_what_lies_together_is_found_as_well(measured: tuple[Ranking, ProbeCounts], share: float) -> None:
    ranking, probing = measured
    direction = np.random.default_rng(6).standard_normal(DIMENSION).astype(np.float32)
    along = ranking.exact.vectors.astype(np.float32) @ direction
    only = Selection(along > np.quantile(along, 1 - share))  # a half-space, as of a category
    queries = composed_queries(ranking.exact.vectors, count=200, seed=7)
    truth, _ = ranking.exact.best(queries, only.rows, RECALL_AT)
    found, rows = ranking.best(queries, RECALL_AT, only=only)
    assert only.mask[rows].all() and probing.recall_at_10 >= GOAL
    assert recall(found[:, :RECALL_AT], truth) >= GOAL - 0.02
    few, _ = replace(ranking, reach=0.0).best(queries, RECALL_AT, only=only)
    assert recall(few[:, :RECALL_AT], truth) < recall(found[:, :RECALL_AT], truth) - 0.01


@pytest.mark.slow
def test_a_request_sets_its_own_number_of_lists(measured: tuple[Ranking, ProbeCounts]) -> None:
    ranking, probing = measured
    only = Selection(np.arange(COUNT) < 100)
    assert ranking.probes(only, 3) == Probes(3)
    assert ranking.probes(only, None) == Probes(probing.nprobe, reach=probing.reach)
    assert replace(ranking, reach=None).probes(only, None) == Probes(ranking.shards.nlist)  # of an older snapshot
