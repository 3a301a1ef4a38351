"""Half an hour under steady load, with bad requests among the good ones: memory must not grow. Run by `make soak`.

Among the bad ones are images that decode for minutes. Prints the resident memory of the service and its child processes
minute by minute, and at the end how much it grew after the first ten minutes, when caches are full. The status is 1 if
a good search failed, or if memory grew by more than 20 MiB.
"""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import shop
from bombs import bombs
from under_load import LOAD

WARM_UP_S = 600
GROWTH_MIB = 20
BAD = (
    b'{"image": {"base64": "bm8gcGljdHVyZQ=="}}',
    b'{"text": "x", "k": 0}',
    b'{"text": "x", "filter": {"nothing": 1}}',
    b"{",
    b'{"image": {"base64": "' + b"A" * 2_000_000 + b'"}}',
)


def main(argv: Sequence[str]) -> int:
    parser = shop.parser(__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=40, help="good searches a second")
    arguments = parser.parse_args(argv)
    seconds = 60 * arguments.minutes
    with shop.bodies(arguments.shop) as bodies, shop.served(arguments) as (service, at):
        words = [at, str(bodies), "--seconds", str(seconds), "--rate", str(arguments.rate)]
        load = subprocess.Popen([sys.executable, str(LOAD), *words], stdout=subprocess.PIPE, text=True)
        over = threading.Event()
        bad: Counter[int] = Counter()
        threading.Thread(target=pester, args=(at, over, bad), daemon=True).start()
        sizes = watched(service.pid, seconds)
        over.set()
        outcomes, _ = load.communicate()
    statuses = Counter(status for status, *_ in json.loads(outcomes))
    warm = [size for at_s, size in sizes if at_s >= min(WARM_UP_S, seconds / 2)]
    grown = median(warm[-5:]) - median(warm[:5])
    print(f"good searches by status: {dict(statuses)}; bad ones: {dict(bad)}")
    print(f"resident memory grew by {grown:.1f} MiB after the warm-up, of {warm[0]:.0f} MiB")
    return int(set(statuses) != {200} or grown > GROWTH_MIB)


def pester(at: str, over: threading.Event, statuses: "Counter[int]") -> None:
    """Sends a bad request five times a second."""
    images = [json.dumps(shop.body(data)).encode() for data in bombs().values()]
    bodies = itertools.cycle([*BAD, *images])
    while not over.wait(0.2):
        body = next(bodies)
        try:
            with urlopen(Request(f"{at}/search", body, {"Content-Type": "application/json"}), timeout=30) as answer:
                statuses[answer.status] += 1
        except HTTPError as error:
            statuses[error.code] += 1
        except OSError:
            statuses[0] += 1


def watched(pid: int, seconds: float) -> list[tuple[float, float]]:
    """Return seconds and the resident MiB, every ten seconds."""
    began = time.monotonic()
    sizes: list[tuple[float, float]] = []
    while (at := time.monotonic() - began) < seconds:
        sizes.append((at, sum(map(resident_mib, [pid, *children(pid)]))))
        if len(sizes) % 6 == 1:
            print(f"{at / 60:5.1f} min  {sizes[-1][1]:7.1f} MiB", flush=True)
        time.sleep(10)
    return sizes


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run, and those that they have started."""
    own: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            own += map(int, task.read_text(encoding="ascii").split())
    return [*own, *(below for child in own for below in children(child))]


def resident_mib(pid: int) -> float:
    """Return the resident memory that belongs to a process alone, and its share of the rest; 0 if it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(rollup.partition("\nPss:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
