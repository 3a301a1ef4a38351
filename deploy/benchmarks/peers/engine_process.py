"""One engine in a process of its own, on one core: builds its index, or answers commands of JSON lines.

Times are taken here, around the engine's own call; ids go back as a file. Run by indexes.py.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peers import engines
from peers.engines import Engine, Kept, Unfiltered
from peers.processes import cpu_seconds


def main(argv: Sequence[str]) -> int:
    verb, name, data, folder = argv[0], argv[1], Path(argv[2]), Path(argv[3])
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, however many threads the engine would start
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the engines print is no answer
    engine = chosen(name)
    columns = {column: np.load(data / f"{column}.npy") for column in engines.COLUMNS}
    if verb == "build":
        began = time.process_time()
        engine.build(folder, np.load(data / "vectors.npy").astype(np.float32), columns)
        print(json.dumps({"cpu_s": time.process_time() - began}), file=answers, flush=True)
        os._exit(0)  # servers' clients would keep it alive
    engine.open(folder)
    queries = np.load(data / "queries.npy")
    print(json.dumps({"efforts": engine.efforts}), file=answers, flush=True)
    for line in sys.stdin:
        try:
            answer = asked_for(engine, queries, columns, json.loads(line), folder)
        except Unfiltered:
            answer = {"unfiltered": True}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)


def chosen(name: str) -> Engine:
    """Return the engine of a module and class, as in "engines:FaissLists"."""
    module, _, kind = name.partition(":")
    engine: Engine = getattr(importlib.import_module(f"peers.{module}"), kind)()
    return engine


def asked_for(
    engine: Engine, queries: engines.Matrix, columns: dict[str, Any], command: dict[str, Any], folder: Path
) -> dict[str, object]:
    """Search in batches until the seconds are over, each query once at most; median ms of a batch, CPU ms a query."""
    kept = None
    if command["filter"] is not None:
        column, below = command["filter"]
        kept = Kept(column, below, columns[column] < below)
    size, k, effort = command["batch"], command["k"], command["effort"]
    first = command["start"] % len(queries)
    queries = np.roll(queries, -first, axis=0)[: command["queries"]]
    engine.search(queries[:size], k, effort, kept)  # to warm up: a filter is evaluated once
    found: list[engines.Ids] = []
    took: list[float] = []
    cpu, began = cpu_seconds(os.getpid()), time.perf_counter()
    for start in range(0, len(queries) - size + 1, size):
        if took and time.perf_counter() - began > command["seconds"]:
            break
        now = time.perf_counter()
        found.append(engine.search(queries[start : start + size], k, effort, kept))
        took.append(time.perf_counter() - now)
    path = folder / "found.npy"
    np.save(path, np.concatenate(found))
    cpu = cpu_seconds(os.getpid()) - cpu
    return {
        "first": first,
        "ids": str(path),
        "p50_ms": 1000 * float(np.median(took)),
        "cpu_ms": 1000 * cpu / (len(took) * size),
        "seconds": sum(took),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
