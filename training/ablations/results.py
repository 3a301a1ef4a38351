"""Table of the methods: the results of its rows, and the files it is written to."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from models.arrays import Rows
from models.errors import ConfigError
from training.ablations.rows import ROWS, AblationRow
from training.data.config import DrawnTriplets
from training.engine import frozen
from training.evaluation import charts, compare
from training.evaluation.compare import ComparedAnswers as Answered
from training.evaluation.compare import Comparison
from training.evaluation.result import Estimate, Result
from training.methods import config

RESULTS = Path("training/results/catalogue.json")  # written below the working directory
PAGE = Path("docs/benchmarks/methods.md")
RECALL, CURVE = PAGE.with_name("recall.png"), PAGE.with_name("triplets.png")
HEADING = (
    "# The methods on the drawn catalogue\n\nWritten by `make table`; [training](../training.md) says what is measured."
)
METRICS = ("R@1", "R@10", "mAP@10")
AGAINST = "base"
ALONE = ("image only", "text only")
BASELINES = (*ALONE, "sum")


@dataclass(frozen=True, slots=True)
class ResultsTable:
    """All rows that have a result."""

    comparisons: dict[str, Comparison]  # all rows, by the row that they are compared with
    alone: dict[str, dict[str, Estimate]]  # row → image only and text only of its own graphs → R@1
    words: dict[str, Estimate]  # row → R@1 of its pseudo-words
    triplets: dict[str, int]  # row → number of triplets it was trained on, if it learns from triplets
    steps: dict[str, int]  # row → batches of them over all epochs
    answers: Answered

    @property
    def rows(self) -> list[AblationRow]:
        """The rows of ROWS that have a result."""
        return [row for row in ROWS if row.name in self.answers.answers]

    def comparison(self, row: AblationRow) -> compare.ComparisonRow:
        """Return a row's metrics, compared with the row of its group."""
        return self.comparisons[row.against].rows[row.name]


def files(folder: Path, row: AblationRow) -> tuple[Path, Path]:
    """Return the paths of a row's results of composed and of pseudo-word retrieval."""
    return folder / "results" / f"{row.name}.json", folder / "results" / "pseudo-words" / f"{row.name}.json"


def read(folder: Path) -> ResultsTable:
    """Read the results below the folder of runs, and the configs of the runs.

    Raises ConfigError if a row that others are compared with has no result, or if the config of a run is missing.
    """
    there = [row for row in ROWS if files(folder, row)[0].exists()]
    needed = dict.fromkeys([AGAINST, *(row.against for row in there)])
    for name in needed:
        if name not in {*BASELINES, *(row.name for row in there)}:
            raise ConfigError(f"the row {name} has no result in {folder}: run it, since others are compared with it")
    compared = compare.rows([files(folder, row)[0] for row in there])
    names = {f"{row.name}, {row.texts} texts" if row.texts != "written" else row.name: row.name for row in there}
    names |= {name: name for name in BASELINES}  # left out if they are of another space than the first bundle
    named = {names[name]: value for name, value in compared.answers.items() if name in names}
    answers = Answered(compared.protocol, compared.queries, named)
    alone, words, triplets, steps = {}, {}, {}, {}
    for row in there:
        composed, pseudo_words = files(folder, row)
        halves = Result.read(composed).rows
        alone[row.name] = {way: halves[way]["R@1"] for way in ALONE}
        if row.words:
            (one,) = Result.read(pseudo_words).rows.values()
            words[row.name] = one["R@1"]
        length = None if row.stage == "mapping" else _length(folder / row.run / config.CONFIG_FILE)
        if length is not None:
            triplets[row.name], steps[row.name] = length
    comparisons = {name: compare.compare(answers, against=name) for name in needed}
    return ResultsTable(comparisons, alone, words, triplets, steps, answers)


def markdown(table: ResultsTable) -> str:
    """Return a table for each group of rows."""
    parts = []
    for group in dict.fromkeys(row.group for row in ROWS):
        rows = [row for row in table.rows if row.group == group]
        if not rows:
            continue
        words = any(row.words for row in rows)
        against = f"R@1 against {rows[0].against}"
        more = [*(f"R@1, {way}" for way in ALONE), *(["pseudo-word R@1"] if words else [])]
        head = ["", "run", "triplets", "steps", *METRICS, against, *more]
        names = {*BASELINES, *(row.name for row in rows)}
        if rows[0].against in names:  # the methods' own groups begin with the baselines
            rows = [*(replace(rows[0], name=name, title=name) for name in BASELINES), *rows]
        lines = [_line(table, row, words=words) for row in rows]
        parts.append("\n".join([f"**{group}**", "", _cells(head), "|---" * len(head) + "|", *lines]))
    return "\n\n".join(parts)


def write(table: ResultsTable, root: Path) -> None:
    """Write the figures, the plots and their page in docs/benchmarks below the folder `root`."""
    (root / RESULTS).parent.mkdir(parents=True, exist_ok=True)
    (root / RESULTS).write_text(json.dumps(_figures(table), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (root / PAGE).parent.mkdir(parents=True, exist_ok=True)
    charts.recalls(_shown(table), root / RECALL)
    charts.data_curve(_curves(table), root / CURVE)
    plots = f"![R@1 over the number of triplets]({CURVE.name})\n\n![R@k over k]({RECALL.name})"
    (root / PAGE).write_text(f"{HEADING}\n\n{markdown(table)}\n\n{plots}\n", encoding="utf-8")


def _line(table: ResultsTable, row: AblationRow, *, words: bool) -> str:
    """Return the line of a row, or of a baseline; with a cell for its pseudo-words if the group has `words`."""
    comparison, run = table.comparisons[row.against].rows[row.name], "" if row.name in BASELINES else f"`{row.name}`"
    metrics = [compare.estimate(comparison.metrics[metric]) for metric in METRICS]
    away = "" if row.name == row.against else compare.difference(comparison, "R@1")
    length = [f"{of[row.name]:,}".replace(",", " ") if row.name in of else "" for of in (table.triplets, table.steps)]
    halves = [compare.short(table.alone[row.name][way].value) if row.name in table.alone else "" for way in ALONE]
    alone = [compare.estimate(table.words[row.name]) if row.name in table.words else ""] if words else []
    return _cells([row.title, run, *length, *metrics, away, *halves, *alone])


def _cells(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figures(table: ResultsTable) -> dict[str, object]:
    """Return the whole table as plain values."""
    rows: dict[str, object] = {}
    for name in BASELINES:
        compared = {against: asdict(comparison.rows[name]) for against, comparison in table.comparisons.items()}
        rows[name] = {"metrics": compared[AGAINST]["metrics"], "against": compared}
    for row in table.rows:
        lengths = {"triplets": table.triplets.get(row.name), "steps": table.steps.get(row.name)}
        words = {"pseudo_word_recall_1": asdict(table.words[row.name])} if row.name in table.words else {}
        halves = {way: asdict(one) for way, one in table.alone[row.name].items()}
        rows[row.name] = {**asdict(row), **lengths, **words, "alone": halves, **asdict(table.comparison(row))}
    return {"protocol": asdict(table.answers.protocol), "rows": rows}


def _shown(table: ResultsTable) -> dict[str, Rows]:
    """Return the first ranks of the baselines and of the methods' own rows, by title."""
    titles = {name: name for name in BASELINES}
    titles |= {row.name: f"{row.group}: {row.title}" for row in table.rows if row.shown}
    return {title: table.answers.answers[name].best for name, title in titles.items()}


def _curves(table: ResultsTable) -> dict[str, dict[int, Estimate]]:
    """Return R@1 by the number of triplets, for each kind of training that has a row."""
    curves: dict[str, dict[int, Estimate]] = {}
    for row in table.rows:
        if row.curve is not None:
            curves.setdefault(row.curve, {})[table.triplets[row.name]] = table.comparison(row).metrics["R@1"]
    return curves


def _length(file: Path) -> tuple[int, int] | None:
    """Return how many triplets a run's config trains on, and in how many batches; None for other data."""
    stage = config.read(file).triplets
    if stage is None:
        return None
    data, loop = stage
    if not isinstance(data, DrawnTriplets):
        raise ConfigError(f"{file} trains on no drawn triplets: the table has no row for it")
    triplets = round(data.triplets * data.share)
    return triplets, loop.epochs * frozen.steps(triplets, loop.batch)
