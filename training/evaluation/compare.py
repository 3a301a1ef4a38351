"""Results of one benchmark side by side, with what the differences are worth: a paired bootstrap over the queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ConfigError
from training.evaluation.result import Answers, Estimate, Protocol, Result

METRICS = ("R@1", "R@10", "mAP@10")


@dataclass(frozen=True, slots=True)
class Row:
    """One way of asking: its metrics, and how far each lies above that of the row it is set against."""

    metrics: dict[str, Estimate]
    differences: dict[str, Estimate]  # of the same queries, pair by pair
    real: dict[str, bool]  # whether the difference's interval excludes 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows that were asked the same."""

    protocol: Protocol
    against: str
    rows: dict[str, Row]


@dataclass(frozen=True, slots=True)
class Rows:
    """The answers of several results to the same queries, by the name of their row."""

    protocol: Protocol
    answers: dict[str, Answers]


def rows(paths: Sequence[Path]) -> Rows:
    """The rows of all the files: a bundle's own under its file's name, a baseline that several have in common once.

    Rows that were asked with other texts than the queries' own are called after them, too.
    Raises ConfigError where two protocols or two files' names do not go together.
    """
    results = {path.stem: Result.read(path) for path in paths}
    if len(results) < len(paths):
        raise ConfigError("two results have the same file name, which names their rows: rename one")
    (first, protocol), *others = [(name, result.protocol) for name, result in results.items()]
    for name, other in others:
        if other != protocol:
            raise ConfigError(
                f"{first} and {name} were not asked the same ({_differing(protocol, other)}): evaluate again"
            )
    answers: dict[str, Answers] = {}
    for stem, result in results.items():
        ending = "" if result.model.texts == "written" else f", {result.model.texts} texts"
        for way, found in result.queries.items():
            if way == result.model.method or len(result.queries) == 1:
                answers[stem + ending] = found
            elif answers.setdefault(way + ending, found) != found:
                answers[f"{stem}, {way}{ending}"] = found
    return Rows(protocol=protocol, answers=answers)


def best(found: Rows) -> str:
    """The name of the row with the highest R@1, and of those the highest mAP@10."""
    values = {name: answers.values() for name, answers in found.answers.items()}
    return max(values, key=lambda name: (values[name]["R@1"].mean(), values[name]["mAP@10"].mean()))


def compare(found: Rows, *, against: str) -> Comparison:
    """Every row's metrics and their paired differences to the row `against`; raises ConfigError where there is none."""
    if against not in found.answers:
        raise ConfigError(f"there is no row {against!r} among {', '.join(found.answers)}")
    values = {name: answers.values() for name, answers in found.answers.items()}
    rows = {}
    for name, own in values.items():
        differences = {metric: Estimate.of(own[metric] - values[against][metric]) for metric in METRICS}
        rows[name] = Row(
            metrics={metric: Estimate.of(own[metric]) for metric in METRICS},
            differences=differences,
            real={metric: e.low > 0 or e.high < 0 for metric, e in differences.items()},
        )
    return Comparison(protocol=found.protocol, against=against, rows=rows)


def markdown(found: Comparison) -> str:
    """A table, best row first; a difference of R@1 that may be chance is marked."""
    ordered = sorted(found.rows.items(), key=lambda item: -item[1].metrics["R@1"].value)
    lines = [f"| | {' | '.join(METRICS)} | R@1 against {found.against} |", "|---" * (len(METRICS) + 2) + "|"]
    for name, row in ordered:
        cells = [estimate(row.metrics[metric]) for metric in METRICS]
        lines.append(f"| {name} | {' | '.join(cells)} | {'' if name == found.against else difference(row, 'R@1')} |")
    return "\n".join(lines)


def estimate(found: Estimate) -> str:
    """As ".395 [.376, .413]"."""
    return f"{_short(found.value)} [{_short(found.low)}, {_short(found.high)}]"


def difference(row: Row, metric: str) -> str:
    """As "−.080 [−.101, −.058]", with a remark where the interval holds 0."""
    found = row.differences[metric]
    low, high = _signed(found.low), _signed(found.high)
    return f"{_signed(found.value)} [{low}, {high}]" + ("" if row.real[metric] else ", not sure")


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value < 0.9995 else "1.00"


def _signed(value: float) -> str:
    digits = f"{abs(value):.3f}".removeprefix("0")
    return digits if digits == ".000" else f"{'−' if value < 0 else '+'}{digits}"


def _differing(one: Protocol, other: Protocol) -> str:
    mine, theirs = _fields(one), _fields(other)
    return ", ".join(f"{name} {mine[name]} and {theirs[name]}" for name in mine if mine[name] != theirs[name])


def _fields(protocol: Protocol) -> Mapping[str, object]:
    return {name: getattr(protocol, name) for name in Protocol.__dataclass_fields__}
