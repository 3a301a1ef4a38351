"""Half an hour under steady load, with bad requests among the good ones: memory must not grow. Run by `make soak`.

Among the bad ones are images that decode for minutes. Prints the resident memory of the service and of its child
processes minute by minute, and at the end how much each grew from the five minutes after the first ten, when caches are
full, to the last five. The service's is the median of such minutes, that of the child processes the lowest, since it
rises with each costly image. The status is 1 if a good search failed, or if one of them grew by more than 20 MiB.
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
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import shop
from bombs import bombs
from under_load import LOAD

WARM_UP_S, WINDOW_S = 600.0, 300.0
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
    parser.add_argument("--workers", default="1", help="processes that serve")
    arguments = parser.parse_args(argv)
    seconds = 60 * arguments.minutes
    with shop.bodies(arguments.shop) as bodies, shop.served(arguments, "--workers", arguments.workers) as (service, at):
        words = [at, str(bodies), "--seconds", str(seconds), "--rate", str(arguments.rate)]
        load = subprocess.Popen([sys.executable, str(LOAD), *words], stdout=subprocess.PIPE, text=True)
        over = threading.Event()
        bad: Counter[int] = Counter()
        threading.Thread(target=pester, args=(at, over, bad), daemon=True).start()
        sizes = watched(service.pid, seconds)
        over.set()
        outcomes, _ = load.communicate()
    statuses = Counter(status for status, *_ in json.loads(outcomes))
    begin, width = min(WARM_UP_S, seconds / 2), min(WINDOW_S, seconds / 4)
    first = [each for each in sizes if begin <= each.at_s < begin + width]
    last = [each for each in sizes if each.at_s >= seconds - width]
    print(f"good searches by status: {dict(statuses)}; bad ones: {dict(bad)}")
    (own, children), (own_last, children_last) = (
        (median(each.service_mib for each in part), min(each.children_mib for each in part)) for part in (first, last)
    )
    print(f"the service: {own:.1f} MiB after the warm-up, {own_last:.1f} MiB at the end")
    print(f"its child processes: {children:.1f} MiB after the warm-up, {children_last:.1f} MiB at the end")
    grown = max(own_last - own, children_last - children)
    return int(set(statuses) != {200} or grown > GROWTH_MIB)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Resident MiB at one moment: of the service with all its workers, and of the processes that decode for it."""

    at_s: float
    service_mib: float
    children_mib: float


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


def watched(pid: int, seconds: float) -> list[Sizes]:
    """Return the sizes every ten seconds."""
    began = time.monotonic()
    sizes: list[Sizes] = []
    while (at_s := time.monotonic() - began) < seconds:
        own, decoders = {pid}, set[int]()
        for process in children(pid):
            (decoders if decodes(process) else own).add(process)
        now = Sizes(at_s, sum(map(resident_mib, own)), sum(map(resident_mib, decoders)))
        if len(sizes) % 6 == 0:
            print(f"{at_s / 60:5.1f} min  {now.service_mib:7.1f} + {now.children_mib:7.1f} MiB", flush=True)
        sizes.append(now)
        time.sleep(10)
    return sizes


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run, and those that they have started."""
    own: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            own += map(int, task.read_text(encoding="ascii").split())
    return [*own, *(below for child in own for below in children(child))]


def decodes(pid: int) -> bool:
    """Return True if a process decodes images."""
    with contextlib.suppress(OSError):
        return b"models.decode_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True  # it has ended, and only these end while a service runs


def resident_mib(pid: int) -> float:
    """Return the resident memory that belongs to a process alone, and its share of the rest; 0 if it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(rollup.partition("\nPss:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
