"""Charts of evaluation results, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot

from models.arrays import Rows
from training.evaluation.result import Estimate


def recalls(first_ranks: Mapping[str, Rows], out: Path, *, longest: int = 50) -> None:
    """Plot R@k over k for the first ranks (B,) of each row."""
    ks = range(1, longest + 1)
    curves({name: [float((ranks <= k).mean()) for k in ks] for name, ranks in first_ranks.items()}, out)


def curves(recalls: Mapping[str, Sequence[float]], out: Path) -> None:
    """Plot R@1, R@2, … of each row over k."""
    figure, axes = pyplot.subplots(figsize=(9, 4), layout="constrained")
    colours = len(pyplot.rcParams["axes.prop_cycle"])
    longest = max(map(len, recalls.values()))
    for number, (name, values) in enumerate(recalls.items()):
        style = "--" if number >= colours else "-"  # the colours repeat
        axes.plot(np.arange(1, len(values) + 1), values, style, label=name)
    axes.set(xlabel="k", ylabel="R@k", xscale="log", ylim=(0, 1))
    ticks = [k for k in (1, 2, 5, 10, 20, 50) if k <= longest]
    axes.set_xticks(ticks, labels=[str(k) for k in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))  # beside the axes, since the lines fill them
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def groups(rows: Mapping[str, Mapping[str, Estimate]], metric: str, out: Path) -> None:
    """Plot the metric of each row with its interval for every group, one group below another."""
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
    """Plot R@1 with its interval over the number of triplets, one line for each way of training."""
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


def reliability(rows: Mapping[str, Sequence[tuple[float, float, int]]], out: Path) -> None:
    """Plot, for each kind of query, the share of hits that satisfy over the chance that was said."""
    figure, axes = pyplot.subplots(figsize=(5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    for name, bins in rows.items():
        axes.plot([chance for chance, _, _ in bins], [share for _, share, _ in bins], "o-", markersize=4, label=name)
    axes.set(xlabel="chance that the score says", ylabel="share that satisfies", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=110)
    pyplot.close(figure)
