"""Compares our index with peers at the same recall: single queries, batches and filters, one core each.

All engines get the same clustered vectors (gallery.py draws them) and composed queries. Each is set by its own knob to
recall@10 ≥ .95 of these, for every filter anew; then all are asked in turn, forwards and backwards. Writes
build/peers/indexes.json, which report.py makes a page from. Run by `make bench-peers`.
"""

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import gallery as bench
from index.vectors.exact import Exact, scaled
from index.vectors.recall import composed_queries
from peers import environments, processes
from peers.engines import COLUMNS, ENGINES, GOAL
from peers.environments import PEERS, PeerMissing

K, BATCH, QUERIES = 10, 64, 512
ROUNDS, SECONDS, TUNING_S = 6, 0.5, 1.0
START_S = 120.0
OURS, OWN_ENGINE = "Likebut", "own_engine:Likebut"
OWN_NETWORK = ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
NO_FILTER: list[tuple[str, int] | None] = [None]
FILTERS: list[tuple[str, int] | None] = [(column, below) for column in COLUMNS for below in (500, 100, 10, 1)]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--folder", type=Path, default=Path("build/peers"), help="of environments and indexes")
    parser.add_argument("--only", nargs="*", default=list(ENGINES), help="these peers")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args(argv)
    data = arguments.folder.absolute() / f"vectors-{arguments.items}x{arguments.dimension}"
    queries = DrawnQueries.drawn(data, arguments.items, arguments.dimension)
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        asked: dict[str, EngineProcess] = {}
        for name in (OURS, *arguments.only):
            try:
                asked[name] = stack.enter_context(EngineProcess(name, arguments.folder.absolute(), data))
            except PeerMissing as error:
                missing[name] = str(error)
                print(f"{name}: {error}", file=sys.stderr)
        cases = compared(asked, queries, arguments.rounds)
        facts = {name: {"version": each.version, "build_cpu_s": each.build_cpu_s} for name, each in asked.items()}
    found = {"items": arguments.items, "dimension": arguments.dimension, "rounds": arguments.rounds}
    found |= {"engines": facts, "missing": missing, "cases": cases, "cores": os.cpu_count()}
    (arguments.folder / "indexes.json").write_text(json.dumps(found, indent=1))
    return 0


@dataclass(frozen=True, slots=True)
class DrawnQueries:
    """The vectors, columns and queries as files, and the right answers of each filter."""

    truth: Mapping[tuple[str, int] | None, "np.ndarray[Any, Any]"]  # (B, k) row numbers

    @classmethod
    def drawn(cls, folder: Path, items: int, dimension: int) -> "DrawnQueries":
        """Draw them if they are not there."""
        if not (folder / "queries.npy").exists():
            folder.mkdir(parents=True, exist_ok=True)
            vectors = bench.drawn(items, dimension)
            generator = np.random.default_rng(2)
            direction = generator.standard_normal(dimension)
            order = np.argsort(vectors.astype(np.float32) @ direction)
            clustered = np.empty(items, np.int64)
            clustered[order] = np.arange(items) * 1000 // items  # neighbours have like values, as of a category
            np.save(folder / "random.npy", generator.integers(1000, size=items))
            np.save(folder / "clustered.npy", clustered)
            np.save(folder / "vectors.npy", vectors)
            np.save(folder / "queries.npy", composed_queries(vectors, count=QUERIES, seed=0))
        vectors, queries = np.load(folder / "vectors.npy"), np.load(folder / "queries.npy")
        exact, truth = Exact(vectors, scaled(vectors)), {}
        for case in NO_FILTER + FILTERS:
            kept = np.arange(items) if case is None else np.flatnonzero(np.load(folder / f"{case[0]}.npy") < case[1])
            truth[case] = exact.best(queries, kept, K)[1]
        return cls(truth)

    def recall(self, case: tuple[str, int] | None, answer: Mapping[str, Any]) -> float:
        """Return the share of the right items that were found."""
        found = np.load(answer["ids"])
        right = np.roll(self.truth[case], -int(answer["first"]), axis=0)
        return float(np.mean([np.isin(r, f).mean() for r, f in zip(right, found, strict=False)]))


@dataclass
class EngineProcess:
    """An engine that answers in a process of its own; its index is built at the first use, ours each time."""

    name: str
    folder: Path
    data: Path
    version: str = ""
    build_cpu_s: float = 0.0
    efforts: tuple[int, int] = (0, 0)
    notes: Path = Path()
    _process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    def __enter__(self) -> "EngineProcess":
        """Start it; raises PeerMissing if it cannot be installed, built or started."""
        home = self.folder / "indexes" / f"{self.name.lower().replace(' ', '-')}-{self.data.name}"
        self.notes = home / "efforts.json"
        kind, python = OWN_ENGINE, Path(sys.executable)
        if self.name == OURS:
            shutil.rmtree(home, ignore_errors=True)
            self.version = "this commit"
        else:
            kind, environment, package, _ = ENGINES[self.name]
            python = environments.installed(environment, self.folder, PEERS[environment])
            self.version = environments.version(python, package)
        before = OWN_NETWORK if self.name == "Milvus" else ()
        module = ("-m", "peers.engine_process")
        command = [*before, str(python), *module, "{}", kind, str(self.data), str(home)]
        built = home / "built.json"
        if not built.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            self._start([part.format("build") if part == "{}" else part for part in command], home)
            said = self._read(environments.PIP_S)
            self.close()
            built.write_text(json.dumps(said))
        self.build_cpu_s = json.loads(built.read_text())["cpu_s"]
        self._start([part.format("serve") if part == "{}" else part for part in command], home)
        self.efforts = tuple(self._read(START_S)["efforts"])
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, case: tuple[str, int] | None, effort: int, **words: float) -> dict[str, Any]:
        """Return what engine_process.py measured; raises PeerMissing if it ended."""
        assert self._process is not None and self._process.stdin is not None
        command = {"filter": case, "effort": effort, "k": K, "start": 0, "batch": 1, "queries": QUERIES} | words
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._read(START_S)

    def _start(self, command: list[str], home: Path) -> None:
        self._log = (home.parent / f"{home.name}.log").open("w")
        own = os.environ | {"OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._log, text=True, env=own)

    def _read(self, seconds: float) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.close()
            raise PeerMissing(f"ended or said nothing: {processes.last_error(Path(self._log.name))}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it with all that it started."""
        if self._process is not None:
            processes.end(self._process)
            self._process = None


def tuned(engine: EngineProcess, queries: DrawnQueries, case: tuple[str, int] | None) -> int | None:
    """Return the least effort that reaches the goal, or the most; None if the engine has no filters.

    By doubling, then halving what is between; once for an index, since the queries are always the same.
    """
    efforts = json.loads(engine.notes.read_text()) if engine.notes.exists() else {}
    if str(case) not in efforts:
        efforts[str(case)] = _least_effort(engine, queries, case)
        engine.notes.write_text(json.dumps(efforts))
    effort: int | None = efforts[str(case)]
    return effort


def _least_effort(engine: EngineProcess, queries: DrawnQueries, case: tuple[str, int] | None) -> int | None:
    low, most = engine.efforts
    if engine.ask(case, max(low, K), seconds=0).get("unfiltered"):
        return None

    def reaches(effort: int) -> bool:
        return queries.recall(case, engine.ask(case, effort, seconds=TUNING_S)) >= GOAL

    missed, effort = low - 1, min(max(low, 8), most)
    while effort < most and not reaches(effort):
        missed, effort = effort, min(2 * effort, most)
    while effort - missed > max(1, effort // 16):
        middle = (missed + effort) // 2
        missed, effort = (missed, middle) if reaches(middle) else (middle, effort)
    return effort


def compared(engines: Mapping[str, EngineProcess], queries: DrawnQueries, rounds: int) -> list[dict[str, Any]]:
    """Measure every case: single queries and batches without a filter, and single ones with each."""
    cases = []
    for case, batch in [(None, 1), (None, BATCH), *((each, 1) for each in FILTERS)]:
        efforts = {name: tuned(engine, queries, case) for name, engine in engines.items()}
        taken: dict[str, list[dict[str, Any]]] = {name: [] for name, effort in efforts.items() if effort is not None}
        for turn in range(rounds):
            for name in taken if turn % 2 else reversed(taken):
                words = {"batch": batch, "seconds": SECONDS, "start": turn * QUERIES // rounds}
                answer = engines[name].ask(case, efforts[name] or 0, **words)
                taken[name].append(answer | {"recall": queries.recall(case, answer)})
        cases.append({"filter": case, "batch": batch, "efforts": efforts, "engines": taken})
        print(case, batch, {name: (efforts[name], row[-1]) for name, row in taken.items()}, file=sys.stderr)
    return cases


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
