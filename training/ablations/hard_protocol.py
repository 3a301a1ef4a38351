"""Table of the hard protocol: each method with three kinds of texts, beside image only, text only and their sum."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from models.errors import ConfigError
from training.ablations.rows import ROWS, AblationRow
from training.evaluation import compare
from training.evaluation.result import Result, Texts

GROUPS = ("Baselines", "Two-stage", "Re-ranking", "InstructCIR")  # the methods themselves, not their ablations
TEXTS: tuple[Texts, ...] = ("written", "paraphrased", "misspelt")
METRICS = ("R@1", "R@10", "R_subset@1")
BESIDE = ("image only", "text only", "sum")  # R@1 of each
RESULTS = Path("training/results/hard.json")  # written below the working directory
PAGE = Path("docs/benchmarks/hard.md")
HEADING = """\
# The hard protocol

Written by `make table`; [training](../training.md#the-hard-protocol) says what is measured."""

Results = Mapping[str, Mapping[Texts, Result]]  # by row


def has_hard_results(row: AblationRow) -> bool:
    """Return whether the row is evaluated by the hard protocol."""
    return row.group in GROUPS


def files(folder: Path, row: AblationRow) -> dict[Texts, Path]:
    """Return the paths of a row's results below the folder of runs."""
    return {texts: folder / "results" / "hard" / texts / f"{row.name}.json" for texts in TEXTS}


def read(folder: Path) -> Results:
    """Read the results of all rows that have one for every kind of text; raises ConfigError if two protocols differ."""
    found = {
        row.name: {texts: Result.read(path) for texts, path in files(folder, row).items()}
        for row in ROWS
        if has_hard_results(row) and all(path.exists() for path in files(folder, row).values())
    }
    protocols = {name: one.protocol for name, results in found.items() for one in results.values()}
    for name, protocol in protocols.items():
        first = next(iter(protocols))
        if protocol != protocols[first]:
            raise ConfigError(f"{first} and {name} have different hard protocols: evaluate again")
    return found


def markdown(results: Results) -> str:
    """Return a table with a line for each row and kind of text."""
    head = ["", "run", "texts", *METRICS, *(f"R@1, {way}" for way in BESIDE)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in ROWS:
        for texts, result in results.get(row.name, {}).items():
            own, first = result.rows[result.own], texts == TEXTS[0]
            title = [f"{row.group}, {row.title}", f"`{row.name}`"] if first else ["", ""]
            metrics = [compare.estimate(own[metric]) for metric in METRICS]
            beside = [compare.estimate(result.rows[way]["R@1"]) for way in BESIDE]
            lines.append(f"| {' | '.join([*title, texts, *metrics, *beside])} |")
    return "\n".join(lines)


def write(results: Results, root: Path) -> None:
    """Write the figures and their page in docs/benchmarks below the folder `root`."""
    figures = {
        name: {
            texts: {way: {metric: asdict(e) for metric, e in row.items()} for way, row in result.rows.items()}
            for texts, result in by_texts.items()
        }
        for name, by_texts in results.items()
    }
    protocol = next(asdict(result.protocol) for by_texts in results.values() for result in by_texts.values())
    written = json.dumps({"protocol": protocol, "rows": figures}, indent=1, ensure_ascii=False)
    (root / RESULTS).parent.mkdir(parents=True, exist_ok=True)
    (root / RESULTS).write_text(written + "\n", encoding="utf-8")
    (root / PAGE).parent.mkdir(parents=True, exist_ok=True)
    (root / PAGE).write_text(f"{HEADING}\n\n{markdown(results)}\n", encoding="utf-8")
