"""Searches per second and latency of several worker processes beside one; prints a Markdown table.

The services run side by side and are measured in turn, several rounds, by load.py in a process of its own: many
callers who ask one after the other, by images with texts and by texts alone, and one caller alone. Medians of the
ratios to one process are given. Run it by `make bench-service`.
"""

import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import shop

LOAD = Path(__file__).parents[1] / "load.py"
CALLERS, SECONDS, ROUNDS = 16, 3.0, 5


def main(argv: Sequence[str]) -> int:
    arguments = shop.parser(__doc__).parse_args(argv)
    numbers = sorted({1, 2, os.cpu_count() or 1})
    queries = shop.composed(arguments.shop)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        kinds = {"image and text": folder / "composed.jsonl", "text": folder / "texts.jsonl"}
        kinds["image and text"].write_text("\n".join(json.dumps(shop.body(data, text)) for data, text in queries))
        kinds["text"].write_text("\n".join(json.dumps(shop.body(None, text)) for _, text in queries))
        words = ("--max-waiting", "1000", "--reference-cache-mb", "0", "--workers")
        services = {number: stack.enter_context(shop.served(arguments, *words, str(number)))[1] for number in numbers}
        measured: dict[tuple[str, int, str], list[float]] = defaultdict(list)
        for turn in range(ROUNDS + 1):
            for kind, bodies in kinds.items():
                for number in numbers if turn % 2 else reversed(numbers):
                    many, alone = (load(services[number], bodies, callers) for callers in (CALLERS, 1))
                    if turn:  # the first is to warm up
                        measured[kind, number, "searches/s"].append(len(many) / SECONDS)
                        measured[kind, number, "p50 alone, ms"].append(1000 * median(alone))
    print(f"{os.cpu_count()} cores ({platform.machine()}), {CALLERS} callers for searches per second.\n")
    print("| query | workers | searches/s | beside one | p50 alone, ms | beside one |\n|---|---|---|---|---|---|")
    for kind in kinds:
        for number in numbers:
            cells = []
            for figure in ("searches/s", "p50 alone, ms"):
                own, one = measured[kind, number, figure], measured[kind, 1, figure]
                ratio = median(mine / other for mine, other in zip(own, one, strict=True))
                cells += [f"{median(own):.0f}" if figure == "searches/s" else f"{median(own):.1f}", f"{ratio:.2f}"]
            print(f"| {kind} | {number} | {' | '.join(cells)} |")
    return 0


def load(address: str, bodies: Path, callers: int) -> list[float]:
    """Return the seconds of each search that was answered."""
    command = [sys.executable, str(LOAD), address, str(bodies), "--seconds", str(SECONDS), "--callers", str(callers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [seconds for status, seconds, _ in json.loads(done.stdout) if status == 200]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
