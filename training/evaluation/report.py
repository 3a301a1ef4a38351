"""Report of a result as a Markdown page: protocol, metrics overall and by group, and hits and misses."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.errors import ConfigError
from training.evaluation import charts, compare, result, strips
from training.evaluation.benchmarks.benchmark import BenchmarkQuery
from training.evaluation.compare import ComparedAnswers
from training.evaluation.result import NEVER, Answers, Result
from training.evaluation.strips import Example, Show

FILE = "report.md"
LONGEST = 50  # the last k of the curves
MISSED = 10  # a target behind this rank is a miss
_ALONE = ("image only", "text only")


def write(evaluated: Result, out: Path, *, way: str | None, show: Show, examples: int) -> Path:
    """Write report.md with its images into a folder and return its path.

    The examples are of one `way` to query, None for the bundle's own. Raises ConfigError if the result does not have
    it.
    """
    own = way or evaluated.own
    if own not in evaluated.answers:
        raise ConfigError(f"there is no row {own!r}: choose one of {', '.join(evaluated.answers)}")
    out.mkdir(parents=True, exist_ok=True)
    parts = [*_head(evaluated, own), *_overall(evaluated, own, out), *_by_group(evaluated, out)]
    parts += _strips(evaluated, own, out, show, count=examples)
    (out / FILE).write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return out / FILE


def _head(evaluated: Result, own: str) -> list[str]:
    protocol = evaluated.protocol
    title = f"# {protocol.benchmark} {protocol.split}, {protocol.variant}: {own}"
    notes = [f"> **Not the benchmark as published**: {note}." for note in evaluated.notes]
    rows = [f"| {name.replace('_', ' ')} | {_cell(value)} |" for name, value in evaluated.facts().items()]
    return [title, *notes, "\n".join(["| | |", "|---|---|", *rows])]


def _overall(evaluated: Result, own: str, out: Path) -> list[str]:
    """Return the table of all rows and their curves; empty if the targets are hidden."""
    if not evaluated.protocol.scoring.metrics:
        return ["Only the test server knows the targets of this split: `likebut submission write` makes its files."]
    rows = ComparedAnswers(evaluated.protocol, evaluated.queries, evaluated.answers)
    table = compare.markdown(compare.compare(rows, against=own))
    charts.curves(_curves(evaluated), out / "recall.png")
    intervals = "In brackets the 95 % interval by bootstrap over the queries, of differences query by query."
    return ["## All queries", table, intervals, *_alone(evaluated, own), "![R@k over k](recall.png)"]


def _curves(evaluated: Result) -> dict[str, list[float]]:
    """Return R@1, R@2, … of each row, with the weights of its metrics."""
    longest = min(LONGEST, *evaluated.protocol.galleries.values())
    scoring = replace(evaluated.protocol.scoring, metrics=tuple(f"R@{k}" for k in range(1, longest + 1)))
    return {
        way: [float(column.mean()) for column in result.values(scoring, evaluated.queries, answers).values()]
        for way, answers in evaluated.answers.items()
    }


def _alone(evaluated: Result, own: str) -> list[str]:
    """Return how many queries need both the image and the text, and the recall on these."""
    if own in _ALONE or not all(way in evaluated.answers for way in _ALONE):
        return []
    recall = next((metric for metric in evaluated.protocol.scoring.metrics if metric.startswith("R@")), None)
    if recall is None:
        return []
    scoring = replace(evaluated.protocol.scoring, mean="queries")  # plain 0 and 1
    hit = {way: result.values(scoring, evaluated.queries, evaluated.answers[way])[recall] > 0 for way in (*_ALONE, own)}
    both = ~(hit["image only"] | hit["text only"])
    first = f"the first {k}" if (k := recall.removeprefix("R@")) != "1" else "the first place"
    sentence = f"Image only or text only rank {1 - both.mean():.0%} of the targets in {first}"
    if not both.any():
        return [f"{sentence}."]
    return [f"{sentence}; of the other {both.sum()}, {own} ranks {hit[own][both].mean():.0%} there."]


def _by_group(evaluated: Result, out: Path) -> list[str]:
    """Return each group's queries in the metric that is published by group: CIRCO's mAP@10, else the headline."""
    groups, metrics = result.groups(evaluated.queries), evaluated.protocol.scoring.metrics
    if not groups or not metrics:
        return []
    metric = "mAP@10" if metrics[0] == "mAP@5" else metrics[0]
    ways = list(evaluated.answers)
    estimates = {way: {group: evaluated.rows[f"{way}, {group}"][metric] for group in groups} for way in ways}
    lines = [_row(["", "queries", *ways]), "|---" * (len(ways) + 2) + "|"]
    for group, members in groups.items():
        cells = [compare.estimate(estimates[way][group]) for way in ways]
        lines.append(_row([_words(group), str(len(members)), *cells]))
    named = {way: {_words(group): each for group, each in of.items()} for way, of in estimates.items()}
    charts.groups(named, metric, out / "groups.png")
    return [f"## {metric} by group", "\n".join(lines), f"![{metric} by group](groups.png)"]


def _strips(evaluated: Result, own: str, out: Path, show: Show, *, count: int) -> list[str]:
    """Return hits and misses, spread evenly over the queries; only the first hits if the targets are hidden."""
    answers = evaluated.answers[own]
    rows = np.arange(len(evaluated.queries))
    parts = ["## Examples"]
    if evaluated.protocol.scoring.metrics:
        parts.append("A hit that is the target has an orange frame, another that answers a green one.")
        missed = min(MISSED, min(evaluated.protocol.galleries.values()) // 3)  # GeneCIS has galleries of 10
        chosen = {"Hits": rows[answers.best == 1], "Misses": rows[answers.best > missed]}
    else:
        chosen = {"First hits": rows}
    for title, candidates in chosen.items():
        places = np.unique(np.linspace(0, len(candidates) - 1, min(count, len(candidates))).astype(np.int64))
        picked = [_example(evaluated.queries[row], answers, row) for row in candidates[places].tolist()]
        said = f"{len(candidates)} of {len(rows)} queries"
        parts.append(f"### {title}: {said}" if picked else f"### {title}: none")
        if picked:
            file = f"{title.lower().replace(' ', '-')}.jpg"
            strips.sheet(picked, show).save(out / file, quality=88)
            parts.append(f"![{title} of {own}]({file})")
    return parts


def _example(query: BenchmarkQuery, answers: Answers, row: int) -> Example:
    rank = answers.ranks[row][0] if query.relevant else 0
    others = f", {len(query.relevant)} answers" if len(query.relevant) > 1 else ""
    return Example(
        reference=query.reference,
        text=query.texts[0] if query.texts else "",
        hits=answers.first[row],
        relevant=query.relevant,
        target="not in the gallery" if rank == NEVER else f"rank {rank}{others}",
    )


def _words(group: str) -> str:
    return group.replace("_", " ")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
