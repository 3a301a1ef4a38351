"""Pictures of a run's log, and of what runs have reached."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot

from training.evaluation.metrics import Rows
from training.evaluation.result import Estimate


def losses(log: Path, out: Path) -> None:
    """Draws the loss over the steps, and the validation recalls beside it where there are any, as a PNG.

    After a resume a step can stand in the log twice; the later line counts.
    """
    trained: dict[int, float] = {}
    validated: dict[int, dict[str, float]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            facts = json.loads(line)
        except json.JSONDecodeError:  # a kill tore it
            continue
        if "loss" in facts:
            trained[facts["step"]] = facts["loss"]
        else:
            validated[facts["step"]] = {name: value for name, value in facts.items() if name.startswith("recall")}
    names = list(next(iter(validated.values()), {}))
    figure, ((left, *beside),) = pyplot.subplots(
        1, 2 if names else 1, figsize=(10 if names else 5, 4), layout="constrained", squeeze=False
    )
    left.plot(list(trained), list(trained.values()), linewidth=0.8, color="#35618e")
    left.set(xlabel="step", ylabel="loss", yscale="log")
    for right in beside:
        for name in names:
            values = [found[name] for found in validated.values()]
            right.plot(list(validated), values, marker="o", markersize=3, label=name.replace("recall_", "R@"))
        right.set(xlabel="step", ylabel="recall (val)", ylim=(0, 1))
        right.grid(alpha=0.3)
        right.legend()
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def recalls(first_ranks: Mapping[str, Rows], out: Path, *, longest: int = 50) -> None:
    """Draws R@k over k for each row's first ranks (B,), as a PNG."""
    ks = range(1, longest + 1)
    curves({name: [float((ranks <= k).mean()) for k in ks] for name, ranks in first_ranks.items()}, out)


def curves(recalls: Mapping[str, Sequence[float]], out: Path) -> None:
    """Draws each row's R@1, R@2, … over k, as a PNG."""
    figure, axes = pyplot.subplots(figsize=(9, 4), layout="constrained")
    colours = len(pyplot.rcParams["axes.prop_cycle"])
    longest = max(map(len, recalls.values()))
    for number, (name, values) in enumerate(recalls.items()):
        style = "--" if number >= colours else "-"  # the colours begin again
        axes.plot(np.arange(1, len(values) + 1), values, style, label=name)
    axes.set(xlabel="k", ylabel="R@k", xscale="log", ylim=(0, 1))
    ticks = [k for k in (1, 2, 5, 10, 20, 50) if k <= longest]
    axes.set_xticks(ticks, labels=[str(k) for k in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))  # beside, since the lines fill the whole
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def groups(rows: Mapping[str, Mapping[str, Estimate]], metric: str, out: Path) -> None:
    """Draws each row's metric with its interval for every group, the groups one below the other, as a PNG."""
    names = list(next(iter(rows.values())))
    figure, axes = pyplot.subplots(figsize=(9, 1.3 + 0.45 * len(names)), layout="constrained")
    shifts = np.linspace(-0.25, 0.25, len(rows))
    for shift, (row, estimates) in zip(shifts, rows.items(), strict=True):
        values = np.array([estimates[name].value for name in names])
        below = values - [estimates[name].low for name in names]
        above = [estimates[name].high for name in names] - values
        places = np.arange(len(names)) + shift
        axes.errorbar(values, places, xerr=[below, above], fmt="o", markersize=4, capsize=2, label=row)
    axes.set_yticks(range(len(names)), labels=names)
    axes.set(xlabel=metric, ylim=(len(names) - 0.5, -0.5))  # the first group on top
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3, axis="x")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def data_curve(curves: Mapping[str, Mapping[int, Estimate]], out: Path) -> None:
    """Draws R@1 with its interval over the number of triplets, a line for each way of training, as a PNG."""
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    counts = sorted({count for points in curves.values() for count in points})
    for name, points in curves.items():
        places = sorted(points)
        values = np.array([points[count].value for count in places])
        below = values - [points[count].low for count in places]
        above = [points[count].high for count in places] - values
        axes.errorbar(places, values, yerr=[below, above], marker="o", markersize=4, capsize=3, label=name)
    axes.set(xlabel="triplets", ylabel="R@1", xscale="log")
    axes.set_xticks(counts, labels=[f"{count:,}".replace(",", " ") for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=110)
    pyplot.close(figure)
