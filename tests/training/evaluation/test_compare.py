"""Results side by side: differences against a plain bootstrap, other protocols refused, a file read back whole."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ConfigError
from training.evaluation import compare, metrics
from training.evaluation.result import Answers, Model, Protocol, Result, Texts

QUERIES = 300
PROTOCOL = Protocol(
    benchmark="composed retrieval",
    world=3,
    split="test",
    seed=7,
    gallery=900,
    queries=QUERIES,
    relevant_mean=1.5,
    reference_excluded=True,
)


def answers(*, seed: int, worst: int) -> Answers:
    """First ranks from 1 to `worst`, each query's average precision its inverse."""
    ranks = np.random.Generator(np.random.PCG64(seed)).integers(1, worst, QUERIES, endpoint=True)
    return Answers(tuple(ranks.tolist()), tuple((1 / ranks).tolist()))


BASELINE, GOOD, POOR = answers(seed=0, worst=300), answers(seed=1, worst=3), answers(seed=2, worst=30)


def result(
    own: Answers, *, protocol: Protocol = PROTOCOL, baseline: Answers = BASELINE, texts: Texts = "written"
) -> Result:
    model = Model(method="two-stage", model_id="a", space_id="b", template="{text}", text_weight=0.0, texts=texts)
    unseen = np.arange(QUERIES) % 10 == 0
    return Result.of(protocol, model, {"sum": baseline, "two-stage": own}, unseen=unseen)


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
    ranks = GOOD.ranks[::10]
    assert result(GOOD).rows["two-stage, unseen"]["R@1"].value == pytest.approx((ranks == 1).mean())


def test_a_difference_and_its_interval_equal_a_plain_paired_bootstrap(tmp_path: Path) -> None:
    rows = compare.rows(written(tmp_path, good=result(GOOD), poor=result(POOR)))
    found = compare.compare(rows, against="good").rows["poor"].differences["R@10"]
    own, other = POOR.ranks <= 10, GOOD.ranks <= 10
    random = np.random.Generator(np.random.PCG64(0))
    drawn = []
    for _ in range(metrics.DRAWS):
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


def test_a_result_from_before_generated_texts_is_still_read(tmp_path: Path) -> None:
    (path,) = written(tmp_path, good=result(GOOD))
    kept = json.loads(path.read_text())
    del kept["model"]["texts"]
    path.write_text(json.dumps(kept))
    assert Result.read(path) == result(GOOD)


@pytest.mark.parametrize("change", [{"split": "val"}, {"queries": QUERIES + 1}, {"world": 4}, {"benchmark": "other"}])
def test_another_protocol_is_refused_in_one_sentence(tmp_path: Path, change: dict[str, object]) -> None:
    paths = written(tmp_path, good=result(GOOD), other=result(POOR, protocol=replace(PROTOCOL, **change)))
    name, value = next(iter(change.items()))
    with pytest.raises(ConfigError, match=f"good and other were not asked the same .{name} .* and {value}"):
        compare.rows(paths)


def test_two_files_of_one_name_and_a_row_that_is_not_there_are_refused(tmp_path: Path) -> None:
    one, two = written(tmp_path, good=result(GOOD)), written(tmp_path / "more", good=result(POOR))
    with pytest.raises(ConfigError, match="same file name"):
        compare.rows([*one, *two])
    with pytest.raises(ConfigError, match="no row 'best' among sum, good"):
        compare.compare(compare.rows(one), against="best")
