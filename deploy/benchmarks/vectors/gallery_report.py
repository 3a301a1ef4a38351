"""Tables and plot of docs/benchmarks/index.md, from the measurements of gallery.py."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import faiss
from matplotlib import pyplot

Figures: TypeAlias = Mapping[str, Mapping[str, object]]

PAGE = Path("docs/benchmarks/index.md")
PLOT = PAGE.with_name("index.png")
HEADING = """\
# The index, against FAISS itself

Written by `make bench-index`; [the index](../index.md#encodings-and-recall) says what is measured."""


def write(text: str, figures: Figures) -> None:
    """Writes the page and its plot."""
    PAGE.write_text(f"{HEADING}\n\n{text}\n\n![Recall over time]({PLOT.name})\n", encoding="utf-8")
    draw(figures)


def text(figures: Figures, items: int, dimension: int) -> str:
    """The tables as Markdown."""
    lines = [
        f"{items} × {dimension} clustered vectors, {os.cpu_count()} cores ({platform.machine()}), FAISS"
        f" {faiss.__version__}, k = 10; lists probed as the build chose for recall@10 ≥ .95 of composed queries:"
        " the same number for raw, those within a margin of the nearest for us.",
        "",
        "| encoding | shards B/item | all files B/item | training s | writing s | lists | probed by raw | by us, median"
        " | recall@10 | of raw |",
        "|---" * 10 + "|",
    ]
    for encoding, facts in figures.items():
        seconds = facts["seconds"]
        assert isinstance(seconds, dict)
        train, write = (f"{seconds[stage]:.0f}" if stage in seconds else "–" for stage in ("train", "write"))
        lines.append(
            f"| {encoding} | {facts['bytes']:.0f} | {facts['snapshot_bytes']:.0f} | {train}"
            f" | {write} | {facts['nlist']} | {facts['nprobe']} | {facts['probed']:.0f} | {facts['recall']:.3f}"
            f" | {facts['raw_recall']:.3f} |"
        )
    lines += [
        "",
        "One thread. Ours gives items with exact cosines and knows all changes until now; raw is the same index in"
        " memory, called directly, and gives row numbers; for rabitq it is FAISS's IndexRefine, which ranks 256 rows"
        " again by half precision, as we do.",
        "",
        "| encoding | CPU ms | p50 ms | raw | ratio | queries/s, 64 at once | raw | ratio | same ids as unsharded |",
        "|---" * 9 + "|",
    ]
    for encoding, facts in figures.items():
        p50, per_s = facts["p50_ms"], facts["per_s"]
        same = facts["same"]
        assert isinstance(p50, list) and isinstance(per_s, list) and isinstance(same, float)
        lines.append(
            f"| {encoding} | {facts['cpu_ms']:.2f} | {p50[0]:.2f} | {p50[1]:.2f} | {p50[0] / p50[1]:.2f}"
            f" | {per_s[0]:.0f} | {per_s[1]:.0f} | {per_s[0] / per_s[1]:.2f} | {100 * same:.1f} % |"
        )
    lines += [
        "",
        "Opened in a process of its own, the files in the page cache; MiB of its own beside the mapped files:",
        "",
        "| encoding | first answer after s | before | then | after 512 queries | peak with mapped pages |",
        "|---" * 6 + "|",
    ]
    for encoding, facts in figures.items():
        opening = facts["opening"]
        assert isinstance(opening, dict)
        lines.append(
            f"| {encoding} | {opening['seconds']:.2f} | {opening['before']:.0f} | {opening['first']:.0f}"
            f" | {opening['later']:.0f} | {opening['peak']:.0f} |"
        )
    lines += [
        "",
        "Filters of sq8, used before: bucket keeps rows at random, region those in one direction, as a category does."
        " The second search still tests each row; from the third on, the codes of the kept rows are searched alone.",
        "",
        "| filter | kept | recall@10 | second search ms | p50 ms | without | how |",
        "|---" * 7 + "|",
    ]
    filters = figures["sq8"]["filters"]
    assert isinstance(filters, list)
    for each in filters:
        lines.append(
            f"| {each['filter']} | {100 * each['kept']:g} % | {each['recall']:.3f} | {each['second_ms']:.2f}"
            f" | {each['ms']:.2f} | {each['without_ms']:.2f} | {each['how']} |"
        )
    return "\n".join(lines)


def draw(figures: Figures) -> None:
    """Recall over the time of a single query, a line for each encoding; bytes on disk and build time beside it."""
    figure, (axes, sizes) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", width_ratios=(3, 2))
    for encoding, facts in figures.items():
        points = facts.get("curve", [])
        assert isinstance(points, list)
        if not points:
            continue
        axes.plot([ms for _, _, ms in points], [value for _, value, _ in points], "o-", markersize=4, label=encoding)
    axes.axhline(0.95, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="ms a query, one thread", ylabel="recall@10 of composed queries", xscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    encodings = [name for name, facts in figures.items() if "curve" in facts]
    colours = [f"C{number}" for number in range(len(encodings))]
    bars = sizes.bar(encodings, [figures[name]["bytes"] for name in encodings], color=colours)
    seconds = [sum(parts.values()) for name in encodings if isinstance(parts := figures[name]["seconds"], dict)]
    if all(seconds):
        sizes.bar_label(bars, [f"{each:.0f} s" for each in seconds])
    sizes.set(ylabel="bytes an item, of the shards", title="built in" if all(seconds) else "")
    figure.savefig(PLOT, dpi=110)
    pyplot.close(figure)
