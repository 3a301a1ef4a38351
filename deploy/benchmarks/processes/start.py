"""Seconds from the command to the first `ready`, imports, and resident memory; prints Markdown tables.

Services of one and of two workers start in turn with a Python that only imports the libraries which any such service
needs: at least so long takes a start. Their memory is read when they are ready, and after some thousand searches with
an image and a text. Anonymous memory (RssAnon) is their own; mapped files and shared memory are counted apart, since
several processes share their pages. Run it by `make bench-service`.
"""

import argparse
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from urllib.error import URLError
from urllib.request import urlopen

import shop
from soak import children, decodes

LOAD = Path(__file__).parents[1] / "load.py"
LIBRARIES = "numpy, onnxruntime, faiss, pyarrow, fastapi, uvicorn, tokenizers"
ROUNDS, CALLERS, SEARCHES_S = 5, 8, 12.0
WORKERS = (1, 2)
SETTLED_S = 3.0  # after which the processes that decode have started, too
PARTS = ("RssAnon", "RssFile", "RssShmem")
LISTED = 12


def main(argv: Sequence[str]) -> int:
    arguments = shop.parser(__doc__).parse_args(argv)
    print(f"| | median s, {ROUNDS} starts in turn |\n|---|---|")
    for name, taken in starts(arguments).items():
        print(f"| {name} | {median(taken):.2f} |")
    print("\n| package | imports take, ms |\n|---|---|")
    for name, seconds in sorted(imports().items(), key=lambda each: -each[1])[:LISTED]:
        print(f"| {name} | {1000 * seconds:.0f} |")
    print("\n| workers | when | process | anonymous MiB | mapped files | shared |\n|---|---|---|---|---|---|")
    with shop.bodies(arguments.shop) as bodies:
        for number in WORKERS:
            measure(arguments, number, bodies)
    return 0


def starts(arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Return the seconds of each start; the libraries alone come first."""
    taken: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {LIBRARIES}"], check=True)
        taken.setdefault("the libraries alone", []).append(time.perf_counter() - began)
        for number in WORKERS:
            began = time.perf_counter()
            with shop.served(arguments, "--workers", str(number)) as (_, address):
                wait_until_ready(address)
                name = "ready, one process" if number == 1 else f"ready, {number} workers"
                taken.setdefault(name, []).append(time.perf_counter() - began)
    return taken


def wait_until_ready(address: str) -> None:
    """Returns when the service says that it is ready."""
    while True:
        try:
            with urlopen(f"{address}/readyz", timeout=30) as answer:
                if answer.status == 200:
                    return
        except URLError:
            time.sleep(0.01)


def imports() -> dict[str, float]:
    """Return the seconds that the modules of each package take at the service's import, without what they import."""
    command = [sys.executable, "-X", "importtime", "-c", "import service.server"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    seconds: dict[str, float] = defaultdict(float)
    for line in lines:
        found = re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", line)
        if found is not None:
            seconds[found[2]] += int(found[1]) / 1e6
    return seconds


def measure(arguments: argparse.Namespace, number: int, bodies: Path) -> None:
    """Prints the memory of a service when it is ready, and after searches."""
    with shop.served(arguments, "--workers", str(number)) as (service, address):
        wait_until_ready(address)
        time.sleep(SETTLED_S)
        show(number, "ready", service.pid)
        words = [address, str(bodies), "--seconds", str(SEARCHES_S), "--callers", str(CALLERS)]
        done = subprocess.run([sys.executable, str(LOAD), *words], check=True, capture_output=True, text=True)
        show(number, f"{done.stdout.count('[200,')} searches later", service.pid)


def show(number: int, when: str, pid: int) -> None:
    """Prints a row for each process, and one for a worker with its share of those that decode."""
    sizes: dict[str, list[list[float]]] = {"worker": [], "decoder": [], "supervisor": []}
    for process in (pid, *children(pid)):
        name = "decoder" if decodes(process) else "worker"
        sizes["supervisor" if number > 1 and process == pid else name].append(resident_mib(process))
    for name, processes in sizes.items():
        if processes:
            cells = [f"{median(column):.0f}" for column in zip(*processes, strict=True)]
            print(f"| {number} | {when} | {name}, {len(processes)} of them | {' | '.join(cells)} |")
    own = sum(size[0] for name in ("worker", "decoder") for size in sizes[name]) / number
    print(f"| {number} | {when} | **a worker with its decoders** | **{own:.0f}** | | |")


def resident_mib(pid: int) -> list[float]:
    """Return the resident memory of a process by its parts."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return [int(re.findall(rf"{part}:\s+(\d+)", status)[0]) / 1024 for part in PARTS]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
