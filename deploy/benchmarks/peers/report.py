"""The page docs/benchmarks/peers.md and its plot, from what services.py and indexes.py measured.

Ratios are ours / peer, within a round; the median of the rounds is given. Run by `make bench-peers`.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from peers.engines import ENGINES, GOAL
from peers.server_peers import OURS, PEER_SERVERS

PAGE = Path("docs/benchmarks/peers.md")
PLOT = PAGE.with_name("peers.png")
AHEAD = 1.2  # times the requests a second of every peer: the goal
Figures = Mapping[str, Any]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/peers"))
    parser.add_argument("--write", action="store_true", help="write the page and its plot, not only print it")
    arguments = parser.parse_args(argv)
    services, indexes = (
        json.loads((arguments.folder / f"{name}.json").read_text()) for name in ("services", "indexes")
    )
    text = page(services, indexes)
    print(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")
        draw(services, indexes)
    return 0


def page(services: Figures, indexes: Figures) -> str:
    """Return the whole page as Markdown."""
    today = datetime.now(UTC).date()
    return "\n".join(
        [
            "# Beside its peers",
            "",
            f"Written by `make bench-peers`, {today}, {os.cpu_count()} cores ({platform.machine()}) for all of it,"
            " shared with other work. Every peer is installed in an environment of its own. All answer in turn,"
            " forwards and backwards; a ratio is ours / peer within a round, and the median of the rounds is given."
            " Times of a busy machine say little alone: read the ratios, and the CPU time.",
            "",
            *service_section(services),
            *index_section(indexes),
            f"![Requests a second and times of searches beside those of peers]({PLOT.name})",
            "",
        ]
    )


def service_section(services: Figures) -> list[str]:
    """Return the tables of the servers, one of each size of model."""
    lines = [
        "## Servers",
        "",
        f"Requests a second of {services['callers']} callers who ask one after the other, CPU time a request of the"
        " server's whole process tree (in the same seconds), and the p50 of one caller alone; JPEGs as base64 in JSON,"
        " each image and text a new one to the server. Ours answers with 20 hits of its index. The peers run at the"
        " priority at which ours computes; all but the one that is asked are stopped meanwhile.",
        "",
    ]
    for size, measured in services["sizes"].items():
        lines += [f"### {size}", "", *missing_peers(measured["missing"])]
        lines += [
            "| request | server | requests/s | CPU ms | p50 ms | MiB | ours / peer: requests/s | CPU | p50 |",
            "|---" * 9 + "|",
        ]
        best = list(OURS)
        for kind in next(iter(measured["found"].values())):
            for name, found in measured["found"].items():
                rounds = found[kind]
                cells = [f"{middle(rounds, figure):.1f}" for figure in ("per_s", "cpu_ms", "p50_ms")]
                cells.append(f"{measured['mib'][name]:.0f}")
                if name in best:
                    cells += ["", "", ""]
                else:
                    cells += [
                        " / ".join(f"{ratio(measured['found'][own][kind], rounds, figure):.2f}" for own in best)
                        for figure in ("per_s", "cpu_ms", "p50_ms")
                    ]
                lines.append(f"| {kind} | {name} | {' | '.join(cells)} |")
        lines += ["", *behind_servers(measured), ""]
    lines += ["Two ratios are those of the service as it starts by default, and with a worker each core.", ""]
    versions = {n: v for each in services["sizes"].values() for n, v in each["versions"].items() if n not in OURS}
    lines += ["| server | version | runs | does less |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {versions[name]} | {PEER_SERVERS[name].graphs} | {PEER_SERVERS[name].less} |" for name in versions
    ]
    return [*lines, ""]


def behind_servers(measured: Figures) -> list[str]:
    """Return a sentence of the requests in which the better of ours serves less than the goal, if any."""
    short = []
    for name, found in measured["found"].items():
        for kind, rounds in found.items():
            best = max(ratio(measured["found"][own][kind], rounds, "per_s") for own in OURS)
            if name not in OURS and best < AHEAD:
                short.append(f"{name} at {kind} ({best:.2f})")
    if not short:
        return [f"Ours serves at least {AHEAD} times the requests a second of every peer."]
    return [f"Short of {AHEAD} times the requests a second, with the better number of workers: {', '.join(short)}."]


def index_section(indexes: Figures) -> list[str]:
    """Return the tables of the search engines."""
    names = list(indexes["engines"])
    lines = [
        "## Search engines",
        "",
        f"{indexes['items']} × {indexes['dimension']} clustered vectors, k = 10, one core each. Every engine is set by"
        f" its own knob to recall@10 ≥ {GOAL} of the same composed queries, for every filter anew, as far as it goes;"
        " ours sets itself. Filters keep items by chance, or items that lie together. Ours gives items with their"
        " attributes and exact scores, evaluates the filter, and knows all changes until now; FAISS, hnswlib,"
        " usearch and ScaNN give row numbers, and FAISS and hnswlib get the filter as a ready bitmap.",
        "",
        *missing_peers(indexes["missing"]),
        "| search | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for case in indexes["cases"]:
        cells = [engine_cell(case["engines"].get(name), case["engines"][names[0]]) for name in names]
        lines.append(f"| {case_name(case)} | {' | '.join(cells)} |")
    lines += [
        "",
        "A cell: p50 in ms (of a whole batch), CPU ms a query, recall@10, and in brackets ours / peer of the p50; –:"
        " the engine has no filters. Below its goal, an engine's recall is in italics.",
        "",
        *behind_engines(indexes),
        "",
        "| engine | version | what it is | build, CPU s |",
        "|---|---|---|---|",
    ]
    for name, facts in indexes["engines"].items():
        about = ENGINE_FACTS.get(name, "")
        lines.append(f"| {name} | {facts['version']} | {about} | {facts['build_cpu_s']:.0f} |")
    return [*lines, ""]


def case_name(case: Figures) -> str:
    """Return the words for a search: single, a batch, or a filter."""
    if case["filter"] is None:
        return "single" if case["batch"] == 1 else f"{case['batch']} at once"
    column, below = case["filter"]
    return f"{below / 10:g} % kept, {'by chance' if column == 'random' else 'together'}"


def engine_cell(rounds: Sequence[Figures] | None, ours: Sequence[Figures]) -> str:
    """Return p50, CPU, recall and the ratio to ours of one engine in one case."""
    if rounds is None:
        return "–"
    reached = middle(rounds, "recall")
    said = f"{reached:.3f}" if reached >= GOAL - 0.005 else f"*{reached:.3f}*"
    beside = "" if rounds == ours else f" ({ratio(ours, rounds, 'p50_ms'):.2f})"
    return f"{middle(rounds, 'p50_ms'):.2f}, {middle(rounds, 'cpu_ms'):.2f}, {said}{beside}"


def behind_engines(indexes: Figures) -> list[str]:
    """Return a sentence of the cases in which an engine is faster than ours at the goal's recall, if any."""
    faster = []
    for case in indexes["cases"]:
        ours, *_ = case["engines"].values()
        for name, rounds in case["engines"].items():
            slower = ratio(ours, rounds, "p50_ms")
            if slower > 1 and middle(rounds, "recall") >= GOAL - 0.005:
                faster.append(f"{name}, {case_name(case)} ({slower:.2f})")
    if not faster:
        return ["No engine is faster at this recall."]
    return ["**Faster than ours at this recall** (ours / peer of the p50): " + "; ".join(faster) + "."]


def missing_peers(missing: Mapping[str, str]) -> list[str]:
    """Return a line for each peer that could not be measured."""
    lines = [f"- {name}: not measured, it {reason}." for name, reason in missing.items()]
    return [*lines, ""] if lines else []


def middle(rounds: Sequence[Figures], figure: str) -> float:
    """Return the median of a figure."""
    return float(median(each[figure] for each in rounds))


def ratio(ours: Sequence[Figures], theirs: Sequence[Figures], figure: str) -> float:
    """Return the median of the rounds' ratios, ours / peer."""
    return float(median(own[figure] / max(other[figure], 1e-9) for own, other in zip(ours, theirs, strict=True)))


ENGINE_FACTS = {"Likebut": "lists of one byte a number, exact scores"} | {
    name: summary for name, (_, _, _, summary) in ENGINES.items()
}


def draw(services: Figures, indexes: Figures) -> None:
    """Write the plot: requests a second of the servers, and the p50 of single searches and filters, ours / peer."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    bars: dict[str, list[tuple[str, float]]] = {}
    for size, measured in services["sizes"].items():
        for name, found in measured["found"].items():
            for kind, rounds in found.items():
                if name not in OURS:
                    best = max(ratio(measured["found"][own][kind], rounds, "per_s") for own in OURS)
                    bars.setdefault(name, []).append((f"{size}\n{kind}", best))
    for number, (name, points) in enumerate(bars.items()):
        left.plot([x for x, _ in points], [y for _, y in points], "o", color=f"C{number}", label=name)
    left.axhline(1, color="grey", linewidth=0.8)
    left.axhline(AHEAD, color="grey", linewidth=0.8, linestyle="--")
    left.set(yscale="log", ylabel="requests/s, ours / peer (above 1: ours serves more)")
    left.tick_params("x", labelsize=7)
    left.legend(fontsize=8)
    ours, *others = indexes["engines"]
    for number, name in enumerate(others):
        cases = [case for case in indexes["cases"] if name in case["engines"]]
        ratios = [ratio(case["engines"][ours], case["engines"][name], "p50_ms") for case in cases]
        right.plot([case_name(case).replace(", ", "\n") for case in cases], ratios, "o", color=f"C{number}", label=name)
    right.axhline(1, color="grey", linewidth=0.8)
    right.set(yscale="log", ylabel="p50, ours / peer (below 1: ours is faster)")
    right.tick_params("x", labelsize=6)
    right.legend(fontsize=7)
    figure.savefig(PLOT, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
