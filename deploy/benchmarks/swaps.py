"""Rebuilds and swaps a gallery again and again under constant load; prints what the searches saw, and what was left.

Two sources with other ids take turns, so an answer that mixes two snapshots shows. The load comes from a process of its
own, in which searches begin at fixed times, whether or not earlier ones were answered. The p99 during the rebuilds is
set against that of the idle service before them. Run it by `make bench-index`. With `--engine milvus` the gallery is in
a server of Milvus (see MILVUS_PYTHON in docs/milvus.md), in which a swap moves an alias.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from models.bundle import SHIPPED, Bundle
from outages import milvus_server

WORDS = ("a red dress", "blue shoes", "a striped mug", "a long coat with buttons", "something for the summer")
SETTLE_S = 3.0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("folder", "milvus"), default="folder")
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=20.0, help="searches a second")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds of load before the first rebuild")
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)  # address, rate
    arguments = parser.parse_args(argv)
    if arguments.load is not None:
        load(arguments.load[0], float(arguments.load[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        sources = [source(Path(folder) / name, name, arguments.items) for name in ("a", "b")]
        if arguments.engine == "milvus":
            os.environ["MILVUS_FILES"] = str(Path(folder) / "files")
            with milvus_server.running(Path(folder)) as where:
                run(f"milvus://{where}/swaps", sources, arguments)
        else:
            run(str(Path(folder) / "gallery"), sources, arguments)
    return 0


def source(folder: Path, prefix: str, items: int) -> Path:
    """Items of that prefix with random vectors, as clip-retrieval lays them out."""
    dimension = Bundle.open(SHIPPED).manifest.dimension
    generator = np.random.default_rng(ord(prefix))
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True)
    vectors = generator.standard_normal((items, dimension)).astype(np.float16)
    np.save(folder / "img_emb" / "img_emb_0.npy", vectors)
    table = pyarrow.table({"id": [f"{prefix}{n}" for n in range(items)], "image_path": [""] * items})
    parquet.write_table(table, folder / "metadata" / "metadata_0.parquet")
    return folder


def run(gallery: str, sources: Sequence[Path], arguments: argparse.Namespace) -> None:
    """Builds, serves, loads, swaps and reports."""
    index = [sys.executable, "-m", "index", "build", str(sources[0]), "--gallery", gallery, "--progress", "none"]
    subprocess.run(index, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--gallery", gallery]
    with tempfile.NamedTemporaryFile("w+") as log:
        service = subprocess.Popen(command, stderr=log)
        caller = None
        try:
            address = served(service, Path(log.name))
            caller = subprocess.Popen(
                [sys.executable, __file__, "--load", address, str(arguments.rate)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            time.sleep(SETTLE_S)
            before = state(service.pid)
            start = time.time()
            time.sleep(arguments.idle)
            rebuilt = time.time()
            for cycle in range(arguments.cycles):
                rebuild(address, sources[(cycle + 1) % 2])
            end = time.time()
            said, _ = caller.communicate("stop\n")
            time.sleep(SETTLE_S)
            after = state(service.pid)
        finally:
            if caller is not None:
                caller.kill()
            service.terminate()
            service.wait()
    answers = [json.loads(line) for line in said.splitlines()]
    report(answers, (start, rebuilt, end), before, after, arguments)


def served(service: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address that the service says."""
    while "serving http" not in (said := log.read_text()):
        if service.poll() is not None:
            raise SystemExit(f"the service ended before it was ready: {said}")
        time.sleep(0.05)
    return said.split("serving ")[1].split()[0].rstrip("/")


def rebuild(address: str, named: Path) -> None:
    """One job, from its start to its end."""
    job = fetch_json(f"{address}/index", {"source": str(named), "max_loss": 1})["job"]
    while True:
        found = fetch_json(f"{address}/index/jobs/{job}")
        if found["state"] == "done":
            return
        if found["state"] not in ("queued", "running"):
            raise SystemExit(f"the job {found['state']}: {found['error']}")
        time.sleep(0.1)


def fetch_json(url: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """The JSON that a URL answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        found: dict[str, object] = json.load(reply)
        return found


def _wait_for_a_line(stop: threading.Event) -> None:
    sys.stdin.readline()
    stop.set()


def load(address: str, rate: float) -> None:
    """Searches at fixed times until a line comes in, and then prints one line for each."""
    stop = threading.Event()
    threading.Thread(target=_wait_for_a_line, args=(stop,), daemon=True).start()
    answers: list[dict[str, object]] = []

    def search(number: int, due: float) -> None:
        try:
            body: dict[str, object] = {"text": WORDS[number % len(WORDS)], "k": 20}
            answer = fetch_json(f"{address}/search", body)
            hits = answer["hits"]
            assert isinstance(hits, list)
            prefixes = sorted({hit["id"][0] for hit in hits})
            said: dict[str, object] = {"snapshot": answer["snapshot"], "prefixes": prefixes, "hits": len(hits)}
        except Exception as error:  # whatever it is, a search failed
            said = {"error": repr(error)}
        answers.append({"due": due, "ms": 1000 * (time.time() - due), **said})

    with ThreadPoolExecutor(16) as pool:
        number, due = 0, time.time()
        while not stop.is_set():
            pool.submit(search, number, due)
            number, due = number + 1, due + 1 / rate
            time.sleep(max(0.0, due - time.time()))
    for answer in answers:
        print(json.dumps(answer))


def state(pid: int) -> dict[str, int]:
    """Resident MiB that is no file's, open files and threads of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    anonymous = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
    threads = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads"))
    return {"MiB": anonymous // 1024, "files": len(list(Path(f"/proc/{pid}/fd").iterdir())), "threads": threads}


def report(
    answers: Sequence[dict[str, object]],
    times: tuple[float, float, float],
    before: dict[str, int],
    after: dict[str, int],
    arguments: argparse.Namespace,
) -> None:
    """Print latencies and what is left of the process; fails if a search failed or mixed two snapshots."""
    start, rebuilt, end = times
    failed = [answer for answer in answers if "error" in answer]
    whole = [answer for answer in answers if "error" not in answer]
    by_snapshot: dict[str, str] = {}  # the prefix of all that its answers hold
    mixed = []
    for answer in whole:
        prefixes = "".join(map(str, answer["prefixes"])) if isinstance(answer["prefixes"], list) else ""
        expected = by_snapshot.setdefault(str(answer["snapshot"]), prefixes)
        if (len(prefixes), answer["hits"], prefixes) != (1, 20, expected):
            mixed.append(answer)
    items = f"{arguments.items:,}".replace(",", " ")
    print(
        f"{items} items, {os.cpu_count()} cores ({platform.machine()}), {arguments.rate:g} searches by text a second,"
    )
    print(f"{arguments.cycles} rebuilds and swaps in {end - rebuilt:.0f} s:\n")
    print("| | searches | p50 ms | p99 ms |\n|---|---|---|---|")
    p99 = {}
    for name, low, high in (("idle", start, rebuilt), ("rebuilding", rebuilt, end)):
        took = [float(str(each["ms"])) for each in whole if low <= float(str(each["due"])) < high]
        p99[name] = float(np.quantile(took, 0.99))
        print(f"| {name} | {len(took)} | {np.median(took):.1f} | {p99[name]:.1f} |")
    print(f"\np99 while rebuilding / idle: {p99['rebuilding'] / p99['idle']:.2f}")
    print(f"failed searches: {len(failed)}; answers that mix two snapshots: {len(mixed)}")
    print(f"snapshots that answered: {len(by_snapshot)}")
    print("process before and after: " + ", ".join(f"{before[name]} → {after[name]} {name}" for name in before))
    if failed or mixed:
        raise SystemExit(f"a search failed or was mixed: {[*failed, *mixed][:3]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
