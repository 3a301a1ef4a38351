"""The table of the two-stage method: its rows, what they reached, and where that is written."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from models.errors import ConfigError
from training import config, plot
from training.datasets.config import DrawnTriplets
from training.evaluation import compare
from training.evaluation.compare import Comparison, Rows
from training.evaluation.metrics import Rows as Ranks
from training.evaluation.result import Estimate, Result
from training.settings.two_stage import TwoStageConfig
from training.stages import frozen

_TRAINING = Path(__file__).parents[1]
CONFIGS = _TRAINING / "configs"
RESULTS = Path("training/results/two-stage.json")  # written below the working directory
README = Path("training/README.md")
RECALL, CURVE = Path("docs/two-stage-recall.png"), Path("docs/two-stage-curve.png")
MARKS = ("<!-- written by python -m training.table -->", "<!-- to here -->")
AGAINST = "base"
BASELINES = ("image only", "text only", "sum")

Group = Literal["The method", "Left out or changed", "Adapters", "Triplets", "No first stage"]


@dataclass(frozen=True, slots=True)
class Row:
    """One run and what it shows; the run's folder, the bundle in it and the result have its name."""

    name: str
    title: str
    group: Group
    config: str  # below CONFIGS, without its suffix
    stage: str = "composing"  # the last one that is trained and exported
    mapping: str | None = "mapping"  # the row whose first stage is taken over; None: its own

    @property
    def words(self) -> bool:
        """Whether its pseudo-word is measured alone, too."""
        return self.group == "The method"


ROWS = (
    Row("mapping", "stage I", "The method", "ablations/base", stage="mapping", mapping=None),
    Row("pic2word", "Pic2Word: the token learner alone", "The method", "ablations/pic2word", "mapping", None),
    Row("base", "stage I + II", "The method", "ablations/base"),
    Row("two-stage-small", "as shipped: stage II trains all, all triplets", "The method", "two-stage-small"),
    Row("no-injection", "no visual semantic injection", "Left out or changed", "ablations/no-injection", mapping=None),
    Row("no-soft", "no soft text alignment", "Left out or changed", "ablations/no-soft", mapping=None),
    Row("no-hard-negatives", "no hard negatives", "Left out or changed", "ablations/no-hard-negatives"),
    Row("release-scale", "mixed scores not divided by τ", "Left out or changed", "ablations/release-scale"),
    Row("cap-1", "mixtures up to the positive itself", "Left out or changed", "ablations/cap-1"),
    Row("no-mask", "known answers are negatives too", "Left out or changed", "ablations/no-mask"),
    Row("temperature-01", "τ = .01 in stage II, the paper's", "Left out or changed", "ablations/temperature-01"),
    Row("everything", "stage II trains stage I's modules too", "Left out or changed", "ablations/everything"),
    Row("adapters-last", "after the last block alone", "Adapters", "ablations/adapters-last"),
    Row("adapters-two", "after two of the four blocks", "Adapters", "ablations/adapters-two"),
    Row("rank-16", "rank 16", "Adapters", "ablations/rank-16"),
    Row("rank-64", "rank 64", "Adapters", "ablations/rank-64"),
    Row("low-quality-30", "30 % of low quality", "Triplets", "ablations/low-quality-30"),
    Row("low-quality-70", "70 % of low quality", "Triplets", "ablations/low-quality-70"),
    Row("share-01", "1 %", "Triplets", "ablations/share-01"),
    Row("share-03", "3 %", "Triplets", "ablations/share-03"),
    Row("share-10", "10 %", "Triplets", "ablations/share-10"),
    Row("share-30", "30 %", "Triplets", "ablations/share-30"),
    Row("scratch-01", "1 %", "No first stage", "ablations/scratch-01", mapping=None),
    Row("scratch-03", "3 %", "No first stage", "ablations/scratch-03", mapping=None),
    Row("scratch-10", "10 %", "No first stage", "ablations/scratch-10", mapping=None),
    Row("scratch-30", "30 %", "No first stage", "ablations/scratch-30", mapping=None),
    Row("scratch", "100 %", "No first stage", "ablations/scratch", mapping=None),
)


@dataclass(frozen=True, slots=True)
class Table:
    """All rows that have a result."""

    comparison: Comparison
    words: dict[str, Estimate]  # row → R@1 of its pseudo-words
    triplets: dict[str, int]  # row → how many its second stage was trained on, where it has one
    steps: dict[str, int]  # row → batches of its second stage over all epochs
    answers: Rows


def files(folder: Path, row: Row) -> tuple[Path, Path]:
    """A row's results of composed and of pseudo-word retrieval."""
    return folder / "results" / f"{row.name}.json", folder / "results" / "pseudo-words" / f"{row.name}.json"


def read(folder: Path) -> Table:
    """The results below the folder of runs, and what the runs' own configs say of them.

    Raises ConfigError where the row that all are set against has none, or where a run's config is gone.
    """
    there = [row for row in ROWS if files(folder, row)[0].exists()]
    if AGAINST not in {row.name for row in there}:
        raise ConfigError(f"the row {AGAINST} has no result in {folder}: run it, since the others are set against it")
    answers = compare.rows([files(folder, row)[0] for row in there])
    words, triplets, steps = {}, {}, {}
    for row in there:
        if row.words:
            (found,) = Result.read(files(folder, row)[1]).rows.values()
            words[row.name] = found["R@1"]
        if row.stage == "composing":
            triplets[row.name], steps[row.name] = _length(folder / row.name / config.KEPT)
    return Table(compare.compare(answers, against=AGAINST), words, triplets, steps, answers)


def markdown(table: Table) -> str:
    """A table for each group of rows."""
    head = ["", "run", "triplets", "steps", *compare.METRICS, f"R@1 against {AGAINST}", "pseudo-word R@1"]
    parts = []
    for group in dict.fromkeys(row.group for row in ROWS):
        lines = [_line(table, name, name, "") for name in BASELINES if group == ROWS[0].group]
        lines += [
            _line(table, row.name, row.title, row.name)
            for row in ROWS
            if row.group == group and row.name in table.comparison.rows
        ]
        if lines:
            parts.append("\n".join([f"**{group}**", "", _cells(head), "|---" * len(head) + "|", *lines]))
    return "\n\n".join(parts)


def write(table: Table, root: Path) -> None:
    """Writes the figures, the pictures and the part of training/README.md between its marks, below `root`."""
    (root / RESULTS).parent.mkdir(parents=True, exist_ok=True)
    (root / RESULTS).write_text(json.dumps(_figures(table), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    plot.recalls(_shown(table), root / RECALL)
    plot.data_curve(_curves(table), root / CURVE)
    text = (root / README).read_text(encoding="utf-8")
    before, mark, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not mark or not end:
        raise ConfigError(f"{README} has no place for the table: write {MARKS[0]} and {MARKS[1]} into it")
    pictures = f"![R@1 over the number of triplets](../{CURVE})\n\n![R@k over k](../{RECALL})"
    whole = f"{before}{mark}\n\n{markdown(table)}\n\n{pictures}\n\n{end}{after}"
    (root / README).write_text(whole, encoding="utf-8")


def _line(table: Table, name: str, title: str, run: str) -> str:
    row = table.comparison.rows[name]
    metrics = [compare.estimate(row.metrics[metric]) for metric in compare.METRICS]
    away = "" if name == AGAINST else compare.difference(row, "R@1")
    length = [f"{found[name]:,}".replace(",", " ") if name in found else "" for found in (table.triplets, table.steps)]
    words = compare.estimate(table.words[name]) if name in table.words else ""
    return _cells([title, f"`{run}`" if run else "", *length, *metrics, away, words])


def _cells(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figures(table: Table) -> dict[str, object]:
    """All of the table as plain values."""
    rows: dict[str, object] = {}
    titles = {row.name: row for row in ROWS}
    for name, found in table.comparison.rows.items():
        about: dict[str, object] = {"title": name}
        if name in titles:
            about = {**asdict(titles[name]), "triplets": table.triplets.get(name), "steps": table.steps.get(name)}
        if name in table.words:
            about["pseudo_word_recall_1"] = asdict(table.words[name])
        rows[name] = {**about, **asdict(found)}
    return {"protocol": asdict(table.comparison.protocol), "against": table.comparison.against, "rows": rows}


def _shown(table: Table) -> dict[str, Ranks]:
    """The first ranks of the baselines and of the method's own rows, by title."""
    titles = {name: name for name in BASELINES} | {row.name: row.title for row in ROWS if row.group == ROWS[0].group}
    answers = table.answers.answers
    return {title: answers[name].ranks for name, title in titles.items() if name in answers}


def _curves(table: Table) -> dict[str, dict[int, Estimate]]:
    """R@1 by the number of triplets, after the first stage and without it."""
    wanted = {
        "with stage I": ["share-01", "share-03", "share-10", "share-30", "base"],
        "no first stage": ["scratch-01", "scratch-03", "scratch-10", "scratch-30", "scratch"],
    }
    rows = table.comparison.rows
    return {
        title: {table.triplets[name]: rows[name].metrics["R@1"] for name in names if name in rows}
        for title, names in wanted.items()
    }


def _length(file: Path) -> tuple[int, int]:
    """How many triplets the second stage of a run's config is trained on, and in how many batches over all epochs."""
    settings = config.read(file)
    if not isinstance(settings, TwoStageConfig) or not isinstance(settings.composing.data, DrawnTriplets):
        raise ConfigError(f"{file} trains on no drawn triplets: the table has no row for it")
    data, steps = settings.composing.data, settings.composing.loop
    triplets = round(data.triplets * data.share)
    return triplets, steps.epochs * frozen.steps(triplets, steps.batch)
