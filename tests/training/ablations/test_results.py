"""Table of the methods: its rows run by commands, and are written with figures and plots."""

import shutil
from pathlib import Path

import pytest
import tomli_w

from models.errors import ConfigError
from training.ablations import results as results_table
from training.ablations.rows import CONFIGS, ROWS
from training.ablations.runner import Runner, with_needed
from training.evaluation import charts, compare
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.result import Answers, Estimate, EvaluatedModel, Protocol, Result
from training.methods import config

OF_NAME = {row.name: row for row in ROWS}


def test_the_first_stage_runs_before_the_rows_that_take_it_over() -> None:
    assert [row.name for row in with_needed(["rank-16", "scratch", "base"])] == [
        "mapping",
        "rank-16",
        "scratch",
        "base",
    ]
    assert [row.name for row in with_needed(["scratch"])] == ["scratch"]
    assert [row.name for row in with_needed(["instruct-no-combiner"])] == ["instruct", "instruct-no-combiner"]
    with pytest.raises(ConfigError, match="no row 'rank-17'"):
        with_needed(["base", "rank-17"])


def test_a_row_is_the_commands_a_person_would_type() -> None:
    runner = Runner(Path("runs"), configs=Path("c"), products=50, queries=9, threads=1)
    train, export, composed = (" ".join(words) for words in runner.commands(OF_NAME["rank-16"]))
    assert train == "train c/ablations/rank-16.toml --out runs/rank-16 --until composing --mapping runs/mapping"
    assert export == "export runs/rank-16 --stage composing --out runs/rank-16/bundle"
    assert composed.startswith("evaluate catalogue --bundle runs/rank-16/bundle --products 50")
    assert composed.endswith("--queries 9 --out runs/results/rank-16.json")
    alone = " ".join(runner.commands(OF_NAME["base"])[2])
    assert alone.startswith("evaluate pseudo-words --bundle runs/base/bundle --products 50")
    assert alone.endswith("--cache runs/cache --out runs/results/pseudo-words/base.json")


def test_a_row_without_stages_names_none() -> None:
    runner = Runner(Path("runs"), configs=Path("c"), products=50, queries=9, threads=1)
    train, export, composed, *_ = (" ".join(words) for words in runner.commands(OF_NAME["slerp-small"]))
    assert train == "train c/slerp-small.toml --out runs/slerp-small"
    assert export == "export runs/slerp-small --out runs/slerp-small/bundle"
    assert composed.startswith("evaluate catalogue --bundle runs/slerp-small/bundle")


def test_a_row_of_another_run_is_exported_and_evaluated_but_not_trained() -> None:
    runner = Runner(Path("runs"), configs=Path("c"), products=50, queries=9, threads=1)
    export, composed = (" ".join(words) for words in runner.commands(OF_NAME["instruct-no-combiner"]))
    assert export == "export runs/instruct --stage reformulating --out runs/instruct-no-combiner/bundle"
    assert "--texts" not in composed and composed.endswith("--out runs/results/instruct-no-combiner.json")
    (asked,) = (" ".join(words) for words in runner.commands(OF_NAME["instruct-asked-generated"]))
    assert "--bundle runs/instruct/bundle" in asked and "--texts generated" in asked


def test_a_re_ranked_row_is_asked_so_in_either_protocol() -> None:
    runner = Runner(Path("runs"), configs=Path("c"), products=50, queries=9, threads=1)
    train, export, *asked = (" ".join(words) for words in runner.commands(OF_NAME["rerank-small"]))
    assert train == "train c/rerank-small.toml --out runs/rerank-small --until reranking"
    assert export == "export runs/rerank-small --stage reranking --out runs/rerank-small/bundle"
    assert len(asked) == 4 and all("--queries 9 --rerank" in line for line in asked)


def test_a_re_ranked_row_is_its_last_answer_and_its_base_counts_once(tmp_path: Path) -> None:
    results(tmp_path, base=9, two_stage_small=20)
    results(tmp_path, rerank_small=24)
    path, _ = results_table.files(tmp_path, OF_NAME["rerank-small"])
    whole = Result.read(path)
    first = Result.read(results_table.files(tmp_path, OF_NAME["two-stage-small"])[0]).answers["two-stage"]
    ways = {"two-stage": first, "two-stage + re-ranking of 100": whole.answers[whole.own]}
    baselines = {way: whole.answers[way] for way in results_table.BASELINES}
    Result.from_answers(whole.protocol, whole.model, whole.queries, baselines | ways, date=whole.date).write(path)
    found = results_table.read(tmp_path)
    assert [row.name for row in found.rows] == ["base", "two-stage-small", "rerank-small"]
    own = found.comparison(OF_NAME["rerank-small"])
    assert (own.metrics["R@1"].value, round(own.differences["R@1"].value, 9)) == (0.6, 0.1)


def test_a_run_that_begins_anew_leaves_no_result_of_the_one_before(tmp_path: Path) -> None:
    results(tmp_path, base=9, instruct=4, instruct_no_combiner=3, instruct_asked_generated=2)
    for name in ("instruct", "instruct-no-combiner"):  # trained again, and killed
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    runner = Runner(tmp_path, configs=tmp_path / "nowhere", products=50, queries=9, threads=1)
    rows = with_needed(["instruct-no-combiner", "instruct-asked-generated"])
    assert runner.run(rows, jobs=2) == ["instruct"]
    assert [path.stem for path in (tmp_path / "results").glob("*.json")] == ["base"]


def results(folder: Path, **right: int) -> None:
    """Write a run's config and result for each named row; so many of 40 queries are answered at rank 1, the others at
    9.
    """
    scoring = Scoring(("R@1", "R@10", "mAP@10"))
    protocol = Protocol("composed retrieval", "shop", "test", {}, scoring, {"catalogue": 100}, queries=40)
    queries = [BenchmarkQuery(str(number), "r", ("in red",), ("t",), "catalogue") for number in range(40)]

    def answers(count: int) -> Answers:
        return Answers(((1,),) * count + ((9,),) * (40 - count), ((),) * 40)

    for key, count in right.items():
        row = OF_NAME[key.replace("_", "-")]
        (folder / row.run).mkdir(parents=True, exist_ok=True)
        document = config.document(CONFIGS / f"{row.config}.toml")
        (folder / row.run / config.CONFIG_FILE).write_text(tomli_w.dumps(document), encoding="utf-8")
        composed, words = results_table.files(folder, row)
        model = EvaluatedModel(str(document["method"]), "a", "b", "a * that {text}", 0.0, texts=row.texts)
        baselines = {"image only": answers(1), "text only": answers(2), "sum": answers(8)}
        every = {**baselines, model.method: answers(count)}
        Result.from_answers(protocol, model, queries, every, date="2026-01-01").write(composed)
        Result.from_answers(protocol, model, queries, {"a *": answers(4)}, date="2026-01-01").write(words)


def test_the_table_is_written_to_a_page_with_figures_and_plots(tmp_path: Path) -> None:
    results(tmp_path / "runs", mapping=10, base=36, rank_16=20, share_01=12, scratch_01=4)
    results(tmp_path / "runs", transagg=8, instruct=32, instruct_asked_generated=24, instruct_03=16)
    results(tmp_path / "runs", slerp_small=6, lincir_small=14, clip4cir=16)
    kept = tmp_path / "runs" / "share-01" / config.CONFIG_FILE  # with a setting that today's config does not have
    changes = {"data": {"share": 0.02}, "loop": {"epochs": 3, "batch": 128}}
    document = {"base": str((CONFIGS / "ablations/base.toml").resolve()), "composing": changes}
    kept.write_text(tomli_w.dumps(document), encoding="utf-8")
    found = results_table.read(tmp_path / "runs")
    for _ in range(2):  # a second time changes nothing
        results_table.write(found, tmp_path)
    text = (tmp_path / results_table.PAGE).read_text()
    assert text.startswith(results_table.HEADING)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = {line.split("|")[2].strip(" `") or line.split("|")[1].strip(): line for line in lines}
    assert list(cells) == [
        "run", "image only", "text only", "sum", "slerp-small", "lincir-small", "clip4cir",
        "mapping", "base", "rank-16", "share-01", "scratch-01",
        "transagg", "instruct", "instruct-asked-generated", "instruct-03",
    ]  # fmt: skip
    assert "| 600 | 12 | .300 [" in cells["share-01"] and "| `mapping` |  |  | " in cells["mapping"]
    assert "| −.600 [" in cells["share-01"]
    assert "| `slerp-small` |  |  | .150 [" in cells["slerp-small"] and "| −.050 [" in cells["slerp-small"]  # sum: .2
    assert "| `clip4cir` | 30 000 | 234 | .400 [" in cells["clip4cir"] and "| +.200 [" in cells["clip4cir"]
    assert "| `lincir-small` |  |  | .350 [" in cells["lincir-small"]
    generated = cells["instruct-asked-generated"]
    assert "| 30 000 | 234 | .600 [" in generated and "| −.200 [" in generated  # against instruct's .8
    assert "| −.600 [" in cells["transagg"] and cells["instruct"].endswith("|  | .025 | .050 |")
    assert all(
        "| .025 | .050 |" in cells[name] for name in list(cells)[4:]
    )  # its own image only and text only, in every row
    assert all(
        (tmp_path / path).stat().st_size > 1_000
        for path in (results_table.RESULTS, results_table.RECALL, results_table.CURVE)
    )
    assert "answers" not in (tmp_path / results_table.RESULTS).read_text()


def test_without_the_base_there_is_no_table(tmp_path: Path) -> None:
    results(tmp_path, mapping=10)
    with pytest.raises(ConfigError, match="the row base has no result"):
        results_table.read(tmp_path)
    results(tmp_path, base=9, instruct_03=4)
    with pytest.raises(ConfigError, match="the row instruct has no result"):
        results_table.read(tmp_path)


def test_a_curve_of_one_point_and_an_estimate_of_one_are_drawn_and_said(tmp_path: Path) -> None:
    charts.data_curve({"with": {600: Estimate(0.5, 0.4, 0.6)}, "without": {}}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1_000
    assert compare.estimate(Estimate(0.998, 0.9951, 1.0)) == ".998 [.995, 1.00]"
