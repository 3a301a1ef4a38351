"""The rows of the table: each config differs in what it says, first stages are shared where they are the same."""

from pathlib import Path

import pytest
import tomli_w

from models.errors import ConfigError
from training import config, plot
from training.evaluation import compare, table
from training.evaluation.result import Answers, Estimate, Model, Protocol, Result
from training.evaluation.table import ROWS, Row
from training.settings.two_stage import TwoStageConfig
from training.table import Runner, with_needed

OF_NAME = {row.name: row for row in ROWS}
EVERYTHING = {"composing.learns": "everything"}
SHARES = (1, 3, 10, 30)  # percent
LENGTH = {"composing.loop.epochs", "composing.loop.validation_epochs"}
SCRATCH = {**EVERYTHING, "composing.start": "scratch"}


DIFFERENCES: dict[str, dict[str, object]] = {
    "mapping": {},
    "base": {},
    "pic2word": {"mapping.net.injection_layers": (), "mapping.loss.soft": 0.0},
    "no-injection": {"mapping.net.injection_layers": ()},
    "no-soft": {"mapping.loss.soft": 0.0, "composing.loss.soft": 0.0},
    "no-hard-negatives": {"composing.loss.mixed": 0},
    "release-scale": {"composing.loss.mixed_logit_scale": "none"},
    "cap-1": {"composing.loss.mixed_cap": 1.0},
    "no-mask": {"composing.loss.satisfied": False},
    "temperature-01": {"composing.loss.temperature": 0.01},
    "everything": EVERYTHING,
    "adapters-last": {"composing.net.adapter_layers": (11,)},
    "adapters-two": {"composing.net.adapter_layers": (5, 11)},
    "rank-16": {"composing.net.rank": 16},
    "rank-64": {"composing.net.rank": 64},
    "low-quality-30": {"composing.data.drift": 0.3},
    "low-quality-70": {"composing.data.drift": 0.7},
    "scratch": SCRATCH,
    **{f"share-{percent:02}": {"composing.data.share": percent / 100} for percent in SHARES},
    **{f"scratch-{percent:02}": {**SCRATCH, "composing.data.share": percent / 100} for percent in SHARES},
}


def settings(row: Row) -> TwoStageConfig:
    found = config.read(table.CONFIGS / f"{row.config}.toml")
    assert isinstance(found, TwoStageConfig)
    return found


def flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


@pytest.mark.parametrize("row", [row for row in ROWS if row.name != "two-stage-small"], ids=lambda row: row.name)
def test_a_row_differs_from_the_base_in_just_what_it_says(row: Row) -> None:
    base, own = (flat(settings(each).model_dump()) for each in (OF_NAME["base"], row))
    assert base.keys() == own.keys()
    differing = {name: value for name, value in own.items() if base[name] != value}
    if "composing.data.share" in differing:  # a smaller share has more epochs
        assert differing.keys() & LENGTH
        differing = {name: value for name, value in differing.items() if name not in LENGTH}
    assert differing == DIFFERENCES[row.name]


def test_with_and_without_a_first_stage_a_share_is_seen_equally_often() -> None:
    for percent in SHARES:
        one, other = (settings(OF_NAME[f"{kind}-{percent:02}"]).composing for kind in ("share", "scratch"))
        assert (one.loop, one.optim, one.data) == (other.loop, other.optim, other.data)


def test_the_base_is_the_small_config_on_fewer_triplets_with_adapters_alone() -> None:
    whole, base = (flat(settings(OF_NAME[name]).model_dump()) for name in ("two-stage-small", "base"))
    differing = {name for name in whole if whole[name] != base[name]}
    assert differing == {"composing.data.triplets", "composing.loop.epochs", "composing.learns"}


def test_every_ablation_has_a_row() -> None:
    files = {f"ablations/{path.stem}" for path in (table.CONFIGS / "ablations").glob("*.toml")}
    assert files | {"two-stage-small"} == {row.config for row in ROWS}


def test_a_first_stage_is_taken_over_just_where_it_is_the_same() -> None:
    shared = settings(OF_NAME["mapping"])
    for row in ROWS:
        own = settings(row)
        same = own.mapping == shared.mapping and own.composing.start == "mapping"
        assert (row.mapping == "mapping") == (same and row.name != "mapping"), row.name


def test_a_share_has_enough_rows_for_a_batch() -> None:
    for row in ROWS:
        composing = settings(row).composing
        assert composing.data.source == "drawn"
        assert round(composing.data.triplets * composing.data.share) >= composing.loop.batch, row.name


def test_the_first_stage_runs_before_the_rows_that_take_it_over() -> None:
    assert [row.name for row in with_needed(["rank-16", "scratch", "base"])] == [
        "mapping",
        "rank-16",
        "scratch",
        "base",
    ]
    assert [row.name for row in with_needed(["scratch"])] == ["scratch"]
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


def results(folder: Path, **right: int) -> None:
    """A run's config and result for each row named; so many of 40 queries are answered at rank 1, the others at 9."""
    protocol = Protocol("composed retrieval", 3, "test", 7, 100, 40, 1.0, reference_excluded=True)
    model = Model("two-stage", "a", "b", "a * that {text}", 0.0)

    def answers(count: int) -> Answers:
        ranks = (1,) * count + (9,) * (40 - count)
        return Answers(ranks, tuple(1 / rank for rank in ranks))

    for key, count in right.items():
        row = OF_NAME[key.replace("_", "-")]
        (folder / row.name).mkdir(parents=True)
        document = config.document(table.CONFIGS / f"{row.config}.toml")
        (folder / row.name / config.KEPT).write_text(tomli_w.dumps(document), encoding="utf-8")
        composed, words = table.files(folder, row)
        baselines = {"image only": answers(1), "text only": answers(2), "sum": answers(8)}
        Result.of(protocol, model, {**baselines, "two-stage": answers(count)}).write(composed)
        Result.of(protocol, model, {"a *": answers(4)}).write(words)


def test_the_table_is_written_between_its_marks_with_figures_and_pictures(tmp_path: Path) -> None:
    results(tmp_path / "runs", mapping=10, base=36, rank_16=20, share_01=12, scratch_01=4)
    (tmp_path / "training").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / table.README).write_text(f"before\n{table.MARKS[0]}\nold\n{table.MARKS[1]}\nafter\n")
    kept = tmp_path / "runs" / "share-01" / config.KEPT  # not as today's config has it
    changes = {"data": {"share": 0.02}, "loop": {"epochs": 3, "batch": 128}}
    document = {"base": str((table.CONFIGS / "ablations/base.toml").resolve()), "composing": changes}
    kept.write_text(tomli_w.dumps(document), encoding="utf-8")
    found = table.read(tmp_path / "runs")
    for _ in range(2):  # a second time changes nothing
        table.write(found, tmp_path)
    text = (tmp_path / table.README).read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = {line.split("|")[2].strip(" `") or line.split("|")[1].strip(): line for line in lines}
    assert list(cells) == [
        "run", "image only", "text only", "sum", "mapping", "base", "rank-16", "share-01", "scratch-01"
    ]  # fmt: skip
    assert "| 600 | 12 | .300 [" in cells["share-01"] and "| `mapping` |  |  | " in cells["mapping"]
    assert "| −.600 [" in cells["share-01"]
    assert all((tmp_path / path).stat().st_size > 1_000 for path in (table.RESULTS, table.RECALL, table.CURVE))
    assert "first_ranks" not in (tmp_path / table.RESULTS).read_text()


def test_without_the_base_there_is_no_table(tmp_path: Path) -> None:
    results(tmp_path, mapping=10)
    with pytest.raises(ConfigError, match="the row base has no result"):
        table.read(tmp_path)


def test_a_curve_of_one_point_and_an_estimate_of_one_are_drawn_and_said(tmp_path: Path) -> None:
    plot.data_curve({"with": {600: Estimate(0.5, 0.4, 0.6)}, "without": {}}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1_000
    assert compare.estimate(Estimate(0.998, 0.9951, 1.0)) == ".998 [.995, 1.00]"
