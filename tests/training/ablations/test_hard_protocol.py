"""Table of the hard protocol: a line for each kind of text, with image only, text only and their sum."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import ConfigError
from training.ablations import hard_protocol
from training.ablations.rows import ROWS
from training.ablations.runner import Runner
from training.evaluation import drawn_queries
from training.evaluation.benchmarks.benchmark import BenchmarkQuery
from training.evaluation.result import Answers, EvaluatedModel, Protocol, Result, Texts

OF_NAME = {row.name: row for row in ROWS}
PROTOCOL = Protocol("composed", "hard", "test", {}, drawn_queries.HARD_SCORING, {"catalogue": 100}, 40)


def result(texts: Texts, right: int, *, protocol: Protocol = PROTOCOL, method: str = "two-stage") -> Result:
    """Answer `hits` of 40 queries at rank 1, the others at 9; half as many rank before their negatives."""
    queries = [BenchmarkQuery(f"{n}", "a", ("text",), ("b",), "catalogue", subset=("b", "c")) for n in range(40)]

    def answers(count: int) -> Answers:
        subset = [("b", "c") if n < count // 2 else ("c", "b") for n in range(40)]
        return Answers(((1,),) * count + ((9,),) * (40 - count), (("b",),) * 40, tuple(subset))

    ways = {"image only": answers(2), "text only": answers(4), "sum": answers(8), method: answers(right)}
    model = EvaluatedModel(method, "a", "b", "{text}", 0.5, texts=texts)
    return Result.from_answers(protocol, model, queries, ways, date="2026-01-01T00:00:00+00:00")


def written(folder: Path, name: str, *rights: int, protocol: Protocol = PROTOCOL) -> None:
    for right, (texts, path) in zip(rights, hard_protocol.files(folder, OF_NAME[name]).items(), strict=True):
        result(texts, right, protocol=protocol).write(path)


def test_a_row_has_a_line_for_each_kind_of_text_with_its_own_halves_beside(tmp_path: Path) -> None:
    written(tmp_path, "base", 20, 12, 16)
    path = hard_protocol.files(tmp_path, OF_NAME["two-stage-small"])["written"]
    result("written", 30).write(path)  # its other texts are not evaluated yet
    head, _, *lines = hard_protocol.markdown(hard_protocol.read(tmp_path)).splitlines()
    assert [cell.strip() for cell in head.split("|")[3:-1]] == [
        "texts", "R@1", "R@10", "R_subset@1", "R@1, image only", "R@1, text only", "R@1, sum",
    ]  # fmt: skip
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert [row[:3] for row in cells] == [
        ["Two-stage, stage I + II", "`base`", "written"],
        ["", "", "paraphrased"],
        ["", "", "misspelt"],
    ]
    values = [[float(cell.split()[0]) for cell in row[3:]] for row in cells]
    assert values == [[r / 40, 1.0, r / 80, 0.05, 0.1, 0.2] for r in (20, 12, 16)]


def test_a_bundle_that_is_a_sum_is_asked_in_that_way_alone(tmp_path: Path) -> None:
    for texts, path in hard_protocol.files(tmp_path, OF_NAME["base"]).items():
        result(texts, 8, method="sum").write(path)
    assert hard_protocol.markdown(hard_protocol.read(tmp_path)).count(".200 [") == 6


def test_the_table_is_written_to_a_page(tmp_path: Path) -> None:
    written(tmp_path, "base", 20, 12, 16)
    for _ in range(2):  # a second time changes nothing
        hard_protocol.write(hard_protocol.read(tmp_path), tmp_path)
    text = (tmp_path / hard_protocol.PAGE).read_text()
    assert text.startswith(hard_protocol.HEADING) and "`base`" in text
    figures = json.loads((tmp_path / hard_protocol.RESULTS).read_text())
    assert figures["rows"]["base"]["misspelt"]["two-stage"]["R@1"]["value"] == 0.4
    assert figures["protocol"]["variant"] == "hard"


def test_results_of_another_protocol_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "base", 20, 12, 16)
    written(tmp_path, "instruct", 20, 12, 16, protocol=replace(PROTOCOL, galleries={"catalogue": 99}))
    with pytest.raises(ConfigError, match="base and instruct"):
        hard_protocol.read(tmp_path)


def test_methods_are_evaluated_with_all_texts_and_ablations_are_not() -> None:
    runner = Runner(Path("runs"), configs=Path("c"), products=50, queries=9, threads=1)
    asked = [" ".join(words) for words in runner.commands(OF_NAME["base"]) if "hard" in words]
    assert [line.split("--variant hard --texts ")[1] for line in asked] == [
        f"{texts} --out runs/results/hard/{texts}/base.json" for texts in hard_protocol.TEXTS
    ]
    assert all("evaluate catalogue --bundle runs/base/bundle --products 50" in line for line in asked)
    assert not [words for words in runner.commands(OF_NAME["rank-16"]) if "hard" in words]
