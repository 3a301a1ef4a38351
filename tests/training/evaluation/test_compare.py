"""Results side by side: differences against a plain bootstrap, other protocols refused, a file read back whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ConfigError
from training.evaluation import compare
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.result import Answers, EvaluatedModel, Protocol, Result, Texts
from training.metrics import bootstrap

QUERIES = 300
PROTOCOL = Protocol(
    benchmark="composed bootstrap",
    variant="shop",
    split="test",
    says={"world": "3"},
    scoring=Scoring(("R@1", "R@10", "mAP@10")),
    galleries={"catalogue": 900},
    queries=QUERIES,
)
ASKED = tuple(
    BenchmarkQuery(str(n), f"r{n}", ("in red",), (f"t{n}",), "catalogue", groups=("unseen",) if n % 10 == 0 else ())
    for n in range(QUERIES)
)


def answers(*, seed: int, worst: int) -> Answers:
    """Return targets' ranks from 1 to `worst`."""
    ranks = np.random.Generator(np.random.PCG64(seed)).integers(1, worst, QUERIES, endpoint=True)
    return Answers(tuple((rank,) for rank in ranks.tolist()), ((),) * QUERIES)


BASELINE, GOOD, POOR = answers(seed=0, worst=300), answers(seed=1, worst=3), answers(seed=2, worst=30)


def result(
    own: Answers,
    *,
    protocol: Protocol = PROTOCOL,
    queries: tuple[BenchmarkQuery, ...] = ASKED,
    baseline: Answers = BASELINE,
    texts: Texts = "written",
) -> Result:
    model = EvaluatedModel(
        method="two-stage", model_id="a", space_id="b", template="{text}", text_weight=0.0, texts=texts
    )
    return Result.from_answers(protocol, model, queries, {"sum": baseline, "two-stage": own}, date="2026-01-01")


def written(folder: Path, **results: Result) -> list[Path]:
    for name, found in results.items():
        found.write(folder / f"{name}.json")
    return [folder / f"{name}.json" for name in results]


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    (path,) = written(tmp_path, good=result(GOOD))
    assert Result.read(path) == result(GOOD)
    path.write_text('{"protocol": {}}')
    with pytest.raises(ConfigError, match=r"good\.json is not a result"):
        Result.read(path)
    with pytest.raises(ConfigError, match="no result can be read"):
        Result.read(tmp_path / "none.json")


def test_unseen_queries_are_a_row_of_their_own() -> None:
    ranks = GOOD.target[::10]
    assert result(GOOD).rows["two-stage, unseen"]["R@1"].value == pytest.approx((ranks == 1).mean())


def test_a_difference_and_its_interval_equal_a_plain_paired_bootstrap(tmp_path: Path) -> None:
    rows = compare.rows(written(tmp_path, good=result(GOOD), poor=result(POOR)))
    found = compare.compare(rows, against="good").rows["poor"].differences["R@10"]
    own, other = POOR.target <= 10, GOOD.target <= 10
    random = np.random.Generator(np.random.PCG64(0))
    drawn = []
    for _ in range(bootstrap.RESAMPLES):
        chosen = random.integers(0, QUERIES, QUERIES)  # the same queries of both
        drawn.append(own[chosen].mean() - other[chosen].mean())
    assert found.value == pytest.approx(own.mean() - other.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_a_clear_difference_is_real_and_chance_is_not(tmp_path: Path) -> None:
    twin = answers(seed=9, worst=3)  # another draw of the same kind
    rows = compare.rows(written(tmp_path, good=result(GOOD), twin=result(twin), poor=result(POOR)))
    found = compare.compare(rows, against="good")
    assert found.rows["poor"].real["R@1"] and found.rows["poor"].differences["R@1"].high < 0
    assert not found.rows["twin"].real["R@1"]
    assert found.rows["good"].differences["R@1"].value == 0.0 and not found.rows["good"].real["R@1"]


def test_the_best_row_is_the_one_with_the_highest_recall_and_stands_on_top(tmp_path: Path) -> None:
    rows = compare.rows(written(tmp_path, poor=result(POOR), good=result(GOOD)))
    assert compare.best(rows) == "good"
    names = [line.split("|")[1].strip() for line in compare.markdown(compare.compare(rows, against="good")).split("\n")]
    assert names == ["", "---", "good", "poor", "sum"]


def test_a_common_baseline_stands_once_and_another_under_its_files_name(tmp_path: Path) -> None:
    other = answers(seed=4, worst=40)
    paths = written(tmp_path, a=result(GOOD), b=result(POOR), c=result(GOOD, baseline=other))
    assert list(compare.rows(paths).answers) == ["sum", "a", "b", "c, sum", "c"]


def test_rows_that_were_asked_with_generated_texts_say_so(tmp_path: Path) -> None:
    other = answers(seed=4, worst=40)
    paths = written(tmp_path, other=result(POOR, baseline=other, texts="generated"), good=result(GOOD))
    found = compare.rows(paths).answers
    assert found == {
        "sum, generated texts": other,
        "other, generated texts": POOR,
        "sum": BASELINE,
        "good": GOOD,
    }


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(PROTOCOL, split="val"), "split test and val"),
        (replace(PROTOCOL, variant="hard"), "variant shop and hard"),
        (replace(PROTOCOL, says={"world": "4"}), "world 3 and 4"),
        (replace(PROTOCOL, says={"world": "3", "reference": "ranked"}), "reference None and ranked"),
        (replace(PROTOCOL, benchmark="other"), "benchmark composed bootstrap and other"),
        (replace(PROTOCOL, galleries={"catalogue": 901}), "galleries .*900.* and .*901"),
    ],
)
def test_another_protocol_is_refused_in_one_sentence(tmp_path: Path, other: Protocol, said: str) -> None:
    paths = written(tmp_path, good=result(GOOD), other=result(POOR, protocol=other))
    with pytest.raises(ConfigError, match=f"good and other .*{said}"):
        compare.rows(paths)


def test_other_queries_are_refused_and_the_same_in_other_words_are_not(tmp_path: Path) -> None:
    reworded = tuple(replace(query, texts=("red, please",)) for query in ASKED)
    others = (replace(ASKED[0], relevant=("another",)), *ASKED[1:])
    good, said, other = written(
        tmp_path, good=result(GOOD), said=result(POOR, queries=reworded), other=result(POOR, queries=others)
    )
    assert list(compare.rows([good, said]).answers) == ["sum", "good", "said"]
    with pytest.raises(ConfigError, match="other queries"):
        compare.rows([good, other])


def test_results_whose_targets_are_hidden_are_not_compared(tmp_path: Path) -> None:
    hidden = tuple(replace(query, relevant=()) for query in ASKED)
    answered = Answers(((),) * QUERIES, (("a", "b"),) * QUERIES)
    protocol = replace(PROTOCOL, scoring=Scoring(()))
    paths = written(tmp_path, mine=result(answered, protocol=protocol, queries=hidden, baseline=answered))
    assert Result.read(paths[0]).rows == {}
    with pytest.raises(ConfigError, match="test server"):
        compare.rows(paths)


def test_two_files_of_one_name_and_a_row_that_is_not_there_are_refused(tmp_path: Path) -> None:
    one, two = written(tmp_path, good=result(GOOD)), written(tmp_path / "more", good=result(POOR))
    with pytest.raises(ConfigError, match="same file name"):
        compare.rows([*one, *two])
    with pytest.raises(ConfigError, match=r"'best'.* sum, good"):
        compare.compare(compare.rows(one), against="best")


def test_one_group_is_compared_alone(tmp_path: Path) -> None:
    rows = compare.rows(written(tmp_path, good=result(GOOD), poor=result(POOR))).only("unseen")
    assert rows.protocol.queries == len(rows.queries) == QUERIES // 10
    found = compare.compare(rows, against="good")
    assert found.rows["poor"].metrics["R@1"].value == pytest.approx((POOR.target[::10] == 1).mean())
    with pytest.raises(ConfigError, match=r"'seen'.* unseen"):
        rows.only("seen")


def test_a_single_group_weighs_its_queries_equally(tmp_path: Path) -> None:
    grouped = tuple(replace(query, groups=("few" if n < 30 else "many",)) for n, query in enumerate(ASKED))
    scoring = replace(PROTOCOL.scoring, mean="groups")
    paths = written(tmp_path, good=result(GOOD, protocol=replace(PROTOCOL, scoring=scoring), queries=grouped))
    rows = compare.rows(paths)
    (few, many) = ((GOOD.target[part] == 1).mean() for part in (slice(30), slice(30, None)))
    for chosen, value in ((rows, (few + many) / 2), (rows.only("few"), few), (rows.only("many"), many)):
        assert compare.compare(chosen, against="good").rows["good"].metrics["R@1"].value == pytest.approx(value)


def test_the_difference_of_another_metric_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    rows = compare.rows(written(tmp_path, poor=result(POOR), good=result(GOOD)))
    found = compare.compare(rows, against="good")
    head, _, _, poor, _ = compare.markdown(found, metric="R@10").splitlines()
    assert head.endswith("| R@10 against good |")
    assert poor.endswith(f"| {compare.difference(found.rows['poor'], 'R@10')} |")
    with pytest.raises(ConfigError, match=r"'R@2'.* R@1, R@10"):
        compare.markdown(found, metric="R@2")


def test_a_note_is_shown_once_with_its_results(tmp_path: Path) -> None:
    noted = replace(result(GOOD), notes=("3 pictures are missing",))
    paths = written(tmp_path, a=noted, b=noted, c=result(POOR))
    assert compare.rows(paths).notes == ("a, b: 3 pictures are missing",)
    found = compare.compare(compare.rows(paths), against="a")
    assert found.notes == ("a, b: 3 pictures are missing",)
