"""Results of one benchmark side by side, with a paired bootstrap of their differences over the queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.arrays import Values
from models.errors import ConfigError
from training.evaluation.benchmarks.benchmark import BenchmarkQuery
from training.evaluation.result import Answers, Estimate, Protocol, Result, groups, values

_FIRST = ("benchmark", "variant", "split")


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One row of a comparison: its metrics, and their differences from the row that it is compared with."""

    metrics: dict[str, Estimate]
    differences: dict[str, Estimate]  # of the same queries, paired
    real: dict[str, bool]  # if the difference's interval excludes 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows with the same protocol."""

    protocol: Protocol
    against: str
    rows: dict[str, ComparisonRow]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparedAnswers:
    """The answers of several results to the same queries, by the name of their row."""

    protocol: Protocol
    queries: tuple[BenchmarkQuery, ...]
    answers: dict[str, Answers]
    notes: tuple[str, ...] = ()  # of any result

    def only(self, group: str) -> "ComparedAnswers":
        """Return the answers to the queries of one group; raises ConfigError if there is no such group."""
        members = groups(self.queries)
        if group not in members:
            raise ConfigError(f"there is no group {group!r}: choose one of {', '.join(members) or 'no groups at all'}")
        chosen = members[group].tolist()
        queries = tuple(replace(self.queries[row], groups=(group,)) for row in chosen)
        answers = {name: each.take(chosen) for name, each in self.answers.items()}
        return replace(self, protocol=replace(self.protocol, queries=len(queries)), queries=queries, answers=answers)

    def values(self) -> dict[str, dict[str, Values]]:
        """Return row → metric → a value per query (B,)."""
        return {name: values(self.protocol.scoring, self.queries, answers) for name, answers in self.answers.items()}


def rows(paths: Sequence[Path]) -> ComparedAnswers:
    """Read the rows of all files: a bundle's own answers under its file's name, each baseline once.

    Rows with other texts than the queries' own have these texts in their name, too. Raises ConfigError if two protocols
    differ or two files have the same name.
    """
    results = {path.stem: Result.read(path) for path in paths}
    if len(results) < len(paths):
        raise ConfigError("two results have the same file name, which names their rows: rename one")
    (first, one), *others = results.items()
    for name, other in others:
        if other.protocol != one.protocol or _queries(other) != _queries(one):
            differing = _differing(one.protocol, other.protocol) or "other queries"
            raise ConfigError(f"{first} and {name} have different protocols ({differing}): evaluate again")
    if not one.protocol.scoring.metrics:
        raise ConfigError(f"only the test server has the answers of {one.protocol.split}: compare results of val")
    answers: dict[str, Answers] = {}
    for stem, result in results.items():
        ending = "" if result.model.texts == "written" else f", {result.model.texts} texts"
        for way, answered in result.answers.items():
            if way == result.own:
                answers[stem + ending] = answered
            elif answers.setdefault(way + ending, answered) != answered:
                answers[f"{stem}, {way}{ending}"] = answered
    noted: dict[str, list[str]] = {}
    for stem, result in results.items():
        for note in result.notes:
            noted.setdefault(note, []).append(stem)
    notes = tuple(f"{', '.join(stems)}: {note}" for note, stems in noted.items())
    return ComparedAnswers(protocol=one.protocol, queries=one.queries, answers=answers, notes=notes)


def best(compared: ComparedAnswers) -> str:
    """Return the row with the highest headline metric; of several, the one with the highest last metric."""
    values, metrics = compared.values(), compared.protocol.scoring.metrics
    return max(values, key=lambda name: (values[name][metrics[0]].mean(), values[name][metrics[-1]].mean()))


def compare(compared: ComparedAnswers, *, against: str) -> Comparison:
    """Return every row's metrics and paired differences from the row `against`; raises ConfigError if it is missing."""
    if against not in compared.answers:
        raise ConfigError(f"there is no row {against!r}: choose one of {', '.join(compared.answers)}")
    values = compared.values()
    rows = {}
    for name, own in values.items():
        differences = {metric: Estimate.from_values(column - values[against][metric]) for metric, column in own.items()}
        rows[name] = ComparisonRow(
            metrics={metric: Estimate.from_values(column) for metric, column in own.items()},
            differences=differences,
            real={metric: e.low > 0 or e.high < 0 for metric, e in differences.items()},
        )
    return Comparison(protocol=compared.protocol, against=against, rows=rows, notes=compared.notes)


def markdown(compared: Comparison, *, metric: str | None = None) -> str:
    """Return a table, best row first; a difference of `metric` (None: the headline's) that may be chance is marked.

    Raises ConfigError if the results do not have that metric.
    """
    metrics = compared.protocol.scoring.metrics
    head = metric or metrics[0]
    if head not in metrics:
        raise ConfigError(f"there is no metric {head!r}: choose one of {', '.join(metrics)}")
    ordered = sorted(compared.rows.items(), key=lambda item: -item[1].metrics[head].value)
    lines = [f"| | {' | '.join(metrics)} | {head} against {compared.against} |", "|---" * (len(metrics) + 2) + "|"]
    for name, row in ordered:
        cells = [estimate(row.metrics[each]) for each in metrics]
        lines.append(f"| {name} | {' | '.join(cells)} | {'' if name == compared.against else difference(row, head)} |")
    return "\n".join(lines)


def estimate(interval: Estimate) -> str:
    """Format as ".395 [.376, .413]"."""
    return f"{short(interval.value)} [{short(interval.low)}, {short(interval.high)}]"


def difference(row: ComparisonRow, metric: str) -> str:
    """Format as "−.080 [−.101, −.058]", with a remark if the interval contains 0."""
    interval = row.differences[metric]
    low, high = _signed(interval.low), _signed(interval.high)
    return f"{_signed(interval.value)} [{low}, {high}]" + ("" if row.real[metric] else ", not sure")


def short(value: float) -> str:
    """Format as ".395"."""
    return f"{value:.3f}".removeprefix("0") if value < 0.9995 else "1.00"


def _signed(value: float) -> str:
    digits = f"{abs(value):.3f}".removeprefix("0")
    return digits if digits == ".000" else f"{'−' if value < 0 else '+'}{digits}"


def _queries(result: Result) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the parts of every query that must be equal; its text may differ."""
    return [(query.id, query.reference, query.relevant) for query in result.queries]


def _differing(one: Protocol, other: Protocol) -> str:
    mine, theirs = _fields(one), _fields(other)
    names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
    names = [name for name in names if name in _FIRST] or names  # differences that follow from these are left out
    return ", ".join(f"{name} {mine.get(name)} and {theirs.get(name)}" for name in names)


def _fields(protocol: Protocol) -> Mapping[str, object]:
    plain = {name: getattr(protocol, name) for name in Protocol.__dataclass_fields__ if name != "says"}
    return {**plain, **protocol.says}
