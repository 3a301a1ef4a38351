"""Rankings against sorting by hand, and the published traps: ties, the reference, chance in subsets."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import InputError
from training.evaluation import ranking
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.result import NEVER, RANKING_NAMES, Answers, values

NAMES = [f"p{number:02}" for number in range(12)]


def answered(
    scores: NDArray[np.float32],
    queries: Sequence[BenchmarkQuery],
    *,
    names: Sequence[str] = NAMES,
    galleries: dict[str, Sequence[str]] | None = None,
) -> Answers:
    """Return the answers for these scores (B, N): a query is one row of them, an image a unit vector."""
    vectors = np.eye(len(names), dtype=np.float32)
    row_of = {name: row for row, name in enumerate(names)}
    found = ranking.ranked({"way": scores}, queries, galleries or {"all": names}, vectors=vectors, row_of=row_of)
    return found["way"]


@st.composite
def asked(draw: st.DrawFn) -> tuple[list[float], BenchmarkQuery]:
    scores = draw(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5]), min_size=12, max_size=12))
    shuffled = draw(st.permutations(NAMES))
    answers = draw(st.integers(1, 6))
    excluded, own = draw(st.booleans()), draw(st.booleans())
    return scores, BenchmarkQuery(
        id="q",
        reference=shuffled[11],
        texts=("in red",),
        relevant=tuple(shuffled[:answers]),
        gallery=tuple(shuffled[: draw(st.integers(6, 12))]) if own else "all",
        excluded=(shuffled[11],) if excluded else (),
        subset=tuple(shuffled[:5]) if not own else (),
    )


@given(asked(), st.integers(1, 12))
def test_ranks_and_metrics_equal_sorting_by_hand(case: tuple[list[float], BenchmarkQuery], k: int) -> None:
    scores, query = case
    found = answered(np.array([scores], dtype=np.float32), [query])
    score_of = dict(zip(NAMES, scores, strict=True))
    names = NAMES if query.gallery == "all" else query.gallery
    order = sorted(set(names) - set(query.excluded), key=lambda name: (-score_of[name], name))
    assert list(found.first[0]) == order[:RANKING_NAMES]
    assert list(found.ranks[0]) == [order.index(name) + 1 for name in query.relevant]
    if query.subset:
        assert list(found.subset[0]) == [name for name in order if name in query.subset]
    metrics = (f"R@{k}", f"mAP@{k}", *((f"R_subset@{k}",) if query.subset else ()))
    computed = values(Scoring(metrics), [query], found)
    precisions = [
        sum(name in query.relevant for name in order[:place]) / place
        for place in range(1, min(k, len(order)) + 1)
        if order[place - 1] in query.relevant
    ]
    assert computed[f"mAP@{k}"][0] == pytest.approx(sum(precisions) / min(k, len(query.relevant)))
    assert computed[f"R@{k}"][0] == (query.relevant[0] in order[:k])
    anyone = values(Scoring(metrics, counts="any"), [query], found)[f"R@{k}"][0]
    assert anyone == bool(set(query.relevant) & set(order[:k]))
    if query.subset:
        assert computed[f"R_subset@{k}"][0] == (query.relevant[0] in [n for n in order if n in query.subset][:k])


def test_a_scorer_that_knows_nothing_gets_chance_in_genecis() -> None:
    """The files have the target first: with a stable sort, equal scores would make it right always."""
    random = np.random.Generator(np.random.PCG64(0))
    names = [f"{number:04}" for number in range(400)]
    queries = []
    for number in range(3_000):
        target, *others = (names[row] for row in random.choice(400, 15, replace=False))
        queries.append(BenchmarkQuery(str(number), target, ("colour",), (target,), (target, *others)))
    found = answered(np.zeros((3_000, 400), dtype=np.float32), queries, names=names, galleries={})
    for metric, column in values(Scoring(("R@1", "R@2", "R@3")), queries, found).items():
        assert column.mean() == pytest.approx(int(metric[-1]) / 15, abs=0.02)


def test_a_random_ranker_gets_chance_in_cirrs_subsets() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    names = [f"{number:03}" for number in range(60)]
    queries = []
    for number in range(3_000):
        members = [names[row] for row in random.choice(60, 6, replace=False)]
        reference, target = members[2], members[4]
        subset = tuple(name for name in members if name != reference)
        queries.append(BenchmarkQuery(str(number), reference, ("",), (target,), "all", (reference,), subset))
    scores = random.random((3_000, 60)).astype(np.float32)
    scores[np.arange(3_000), [names.index(query.reference) for query in queries]] = 9.0  # as image-only search does
    found = answered(scores, queries, names=names)
    computed = values(Scoring(("R_subset@1", "R_subset@2", "R_subset@3", "R@1")), queries, found)
    for k in (1, 2, 3):
        assert computed[f"R_subset@{k}"].mean() == pytest.approx(k / 5, abs=0.03)
    assert computed["R@1"].mean() == pytest.approx(1 / 59, abs=0.01)
    assert all(query.reference not in first for query, first in zip(queries, found.first, strict=True))


def test_a_copy_of_the_target_in_its_gallery_stands_before_it() -> None:
    query = BenchmarkQuery("q", "p11", ("",), ("p03",), ("p03", "p00", "p03", "p07"))
    scores = np.zeros((1, 12), dtype=np.float32)
    scores[0, 3] = 1.0
    found = answered(scores, [query])
    assert found.ranks == ((2,),) and found.first == (("p03", "p03", "p00", "p07"),)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_query_without_a_finite_vector_is_refused_by_name(value: float) -> None:
    queries = [BenchmarkQuery(name, "p11", ("",), ("p03",), "all", excluded=("p11",)) for name in ("first", "second")]
    scores = np.zeros((2, 12), dtype=np.float32)
    scores[1, 4] = value
    with pytest.raises(InputError, match="the query second has no finite vector by way"):
        answered(scores, queries)


def test_a_target_that_is_not_in_the_gallery_is_never_found() -> None:
    query = BenchmarkQuery("q", "p11", ("",), ("gone", "p01"), "all")
    found = answered(np.zeros((1, 12), dtype=np.float32), [query])
    assert found.ranks == ((NEVER, 2),)
    computed = values(Scoring(("R@50", "mAP@50")), [query], found)
    assert computed["R@50"][0] == 0.0 and computed["mAP@50"][0] == pytest.approx(0.5 / 2)
