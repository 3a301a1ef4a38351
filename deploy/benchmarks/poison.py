"""Attacks a served shop while another caller searches: no search of that caller may fail or take over a second.

Run by `make poison`. Each attack runs for some seconds from a process of its own, at a low priority, since attackers
are on other machines. The attacker and the other caller have a key each, with the rate of `RATE`. Prints a Markdown
table; the status is 1 if a search of the other caller failed or took longer than `LONGEST_S`, or if the service was not
ready. Everything is on loopback, and bounded in time, connections and bytes.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np

import shop
from attacks import ATTACKS, CONNECTIONS, Attack, Counts, Target
from service.auth import keys
from under_load import LOAD

LONGEST_S = 1.0
RATE, BURST = 20, 20  # searches a second of each key
SEARCHES_PER_S = 8  # of the other caller


def main(argv: Sequence[str]) -> int:
    """Runs each attack and prints the table."""
    parser = shop.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=12, help="of each attack")
    parser.add_argument("--only", help="a part of the name of the attacks to run")
    parser.add_argument("--workers", default="1", help="processes that serve")
    arguments = parser.parse_args(argv)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * CONNECTIONS)), hard))
    print("| attack | answers to it | searches beside it | failed | p50 ms | p99 ms | longest ms | not ready |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    failed = False
    with TemporaryDirectory() as folder:
        file, bodies = Path(folder) / "keys", Path(folder) / "bodies.jsonl"
        own, others = (add_key(file, name) for name in ("attacker", "shopper"))
        bodies.write_bytes(b"\n".join(searches(arguments.shop)))
        words = ["--keys", str(file), "--rate-per-s", str(RATE), "--burst", str(BURST), "--workers", arguments.workers]
        with shop.served(arguments, *words) as (_, address):
            for name, attack in ATTACKS.items():
                if arguments.only is None or arguments.only in name:
                    settle(address, others)
                    failed |= measured(name, attack, arguments.seconds, address, own, [str(bodies), "--key", others])
    return int(failed)


def add_key(file: Path, name: str) -> str:
    """Return a new key for searches."""
    return keys.add(file, name=name, role="search", rate_per_s=None, burst=None)


def searches(folder: Path) -> Iterator[bytes]:
    """Yields searches by text, and by image and text, in turn."""
    for data, text in shop.composed(folder):
        yield json.dumps(shop.body(None, text)).encode()
        yield json.dumps(shop.body(data, text)).encode()


def settle(address: str, key: str) -> None:
    """Waits until a search is answered quickly, so that an attack does not count as the next one; at most a minute."""
    end = time.monotonic() + 60
    request = Request(f"{address}/search", b'{"text": "a hat"}', {"Content-Type": "application/json", "X-API-Key": key})
    while (began := time.monotonic()) < end:
        with contextlib.suppress(OSError), urlopen(request, timeout=60) as answer:
            if answer.status == 200 and time.monotonic() - began < LONGEST_S / 4:
                return
        time.sleep(0.5)


def measured(name: str, attack: Attack | None, seconds: float, address: str, key: str, load: list[str]) -> bool:
    """Runs one attack, prints its row, and returns True if it hurt."""
    answers: multiprocessing.Queue[Counts] = multiprocessing.Queue()
    attacker = multiprocessing.Process(target=run, args=(attack, seconds + 1, address, key, answers))
    attacker.start()
    time.sleep(1)
    command = [sys.executable, str(LOAD), address, *load, "--seconds", str(seconds), "--rate", str(SEARCHES_PER_S)]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    not_ready = sum(not is_ready(address) for _ in ticks(seconds))
    outcomes = json.loads(caller.communicate()[0])
    counts = answers.get(timeout=60)  # raises if the attacker died
    attacker.join()
    times = 1000 * np.array([took_s for _, took_s, _ in outcomes])
    errors = Counter(status for status, *_ in outcomes if status != 200)
    shown = ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
    p50, p99 = np.quantile(times, (0.5, 0.99))
    failures = "0" if not errors else ", ".join(f"{status}: {count}" for status, count in sorted(errors.items()))
    row = (name, shown, len(outcomes), failures, f"{p50:.0f}", f"{p99:.0f}", f"{times.max():.0f}", not_ready)
    print("| " + " | ".join(map(str, row)) + " |", flush=True)
    return bool(errors or not_ready or times.max() > 1000 * LONGEST_S)


def run(
    attack: Attack | None, seconds: float, address: str, key: str, answers: "multiprocessing.Queue[Counts]"
) -> None:
    """Runs an attack in this process for some seconds."""
    os.nice(10)
    counts: Counts = Counter()
    url = urlsplit(address)
    target = Target(str(url.hostname), int(url.port or 80), key, counts)

    async def limited() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(seconds) if attack is None else attack(target), seconds)

    asyncio.run(limited())
    answers.put(counts)


def ticks(seconds: float) -> Iterator[None]:
    """Yields about once a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(1)


def is_ready(address: str) -> bool:
    """Return True if the service says so within two seconds."""
    try:
        with urlopen(f"{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
