"""Kills of Milvus's server and of a service of its gallery, in turn, while items are written through the service."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
import pyarrow
from pyarrow import parquet

import swaps
import writers
from models.bundle import SHIPPED, Bundle
from outages import observer
from outages.item_writer import ItemWriter
from outages.milvus_server import StandaloneServer
from outages.observer import COMPLETE, READY, UNREADY, K, ServiceObserver

SOURCE_ITEMS, WRITERS, IDS = 2_000, 4, 25  # IDS of each writer
CONSTANT = "source"  # the kind of the items that are not changed
SEARCH = {"text": "a red dress", "k": K, "filter": {"kind": CONSTANT}, "lexical_weight": 0}
LOAD_S, DOWN_S = (0.5, 3.0), (0.5, 4.0)  # between the first write and the kill; until Milvus is started again
RECOVERY_S = 240.0


def run(folder: Path, kills: int, random: Random) -> int:
    """Kills each of the two so often, and prints the outcome; returns 1 if something was lost, else 0."""
    with ExitStack() as stack:
        trial = MilvusTrial(folder, random)
        stack.callback(trial.close)
        trial.start()
        stack.enter_context(trial.observer)
        for writer in trial.writers:
            stack.enter_context(writer)
        for number in range(kills):
            trial.kill_server()
            trial.kill_service()
            print(f"{2 * (number + 1)} of {2 * kills} kills, {len(trial.lost)} writes lost", file=sys.stderr)
    return trial.report(kills)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds of one outage: until readiness is false after the kill, and the rest after the start."""

    unready_s: float
    ready_s: float
    search_s: float  # the first complete answer
    write_s: float  # the first acknowledged write


@dataclass
class MilvusTrial:
    """A server, a service of a gallery in it, and what was seen of them."""

    folder: Path
    random: Random
    outages: dict[str, list[Recovery]] = field(default_factory=lambda: {"Milvus": [], "service": []})
    outcomes: "dict[str, Counter[str]]" = field(default_factory=lambda: {"Milvus": Counter(), "service": Counter()})
    lost: list[str] = field(default_factory=list)
    late: int = 0  # reads after an outage that did not show an acknowledged write yet

    def __post_init__(self) -> None:
        self.server = StandaloneServer(self.folder)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.service: subprocess.Popen[bytes] | None = None
        self.observer = ServiceObserver(self.address, SEARCH)
        ids = [[f"w{number}-{each}" for each in range(IDS)] for number in range(WRITERS)]
        self.writers = [ItemWriter(self.address, own, Random(self.random.random())) for own in ids]

    def start(self) -> None:
        """Starts the server, builds a gallery, and serves it."""
        os.environ["MILVUS_FILES"] = str(self.folder / "files")
        self.gallery = f"milvus://{self.server.start()}/crashes"
        source = constant_source(self.folder / "source", SOURCE_ITEMS)
        build = [sys.executable, "-m", "index", "build", str(source), "--gallery", self.gallery, "--progress", "none"]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        self.serve()

    def serve(self) -> None:
        """Starts the service at its port."""
        self.service, _ = serve(self.gallery, self.folder / "service.log", self.port)

    def close(self) -> None:
        """Ends both processes."""
        if self.service is not None:
            self.service.kill()
            self.service.wait()
        self.server.kill()

    def kill_server(self) -> None:
        """Kills Milvus, starts it again a while later, and checks that the service recovers by itself."""
        self._load()
        killed = time.monotonic()
        self.server.kill()
        unready = self.observer.first(UNREADY, killed, within_s=RECOVERY_S)
        time.sleep(self.random.uniform(*DOWN_S))
        self.server.start()
        self._recover("Milvus", killed, unready)

    def kill_service(self) -> None:
        """Kills the service, and starts it again."""
        self._load()
        assert self.service is not None
        killed = time.monotonic()
        self.service.send_signal(signal.SIGKILL)
        self.service.wait()
        self.serve()
        self._recover("service", killed, killed)

    def _load(self) -> None:
        for writer in self.writers:
            writer.resume()
        time.sleep(self.random.uniform(*LOAD_S))

    def _recover(self, name: str, killed: float, unready: float) -> None:
        started = time.monotonic()
        ready = self.observer.first(READY, started, within_s=RECOVERY_S)
        complete = self.observer.first(COMPLETE, started, within_s=RECOVERY_S)
        written = self._acknowledged(started)
        for writer in self.writers:
            writer.pause()
        self._check(name)
        self.outcomes[name] += self.observer.outcomes(killed, time.monotonic())
        self.outages[name].append(Recovery(unready - killed, ready - started, complete - started, written - started))

    def _acknowledged(self, after: float) -> float:
        end = time.monotonic() + RECOVERY_S
        while time.monotonic() < end:
            times = [ended for writer in self.writers for ended in list(writer.acknowledged) if ended >= after]
            if times:
                return min(times)
            time.sleep(0.05)
        raise SystemExit(f"no write was acknowledged in {RECOVERY_S:g} s after the start")

    def _check(self, name: str) -> None:
        """Reads every item that was written; one that is not as it must be is read again, for it may be late."""
        for writer in self.writers:
            for id, versions in writer.versions.items():
                end = time.monotonic() + RECOVERY_S
                while (version := writers.version_at(self.address, id)) not in versions:
                    self.late += 1
                    if time.monotonic() > end:
                        self.lost.append(f"{id} is {version} after a kill of {name}, not {sorted(map(str, versions))}")
                        break
                    time.sleep(1)
                writer.settle(id, version)

    def report(self, kills: int) -> int:
        """Prints what was seen; 1 if a write was lost, or if an answer was incomplete without a note, else 0."""
        writes = sum((writer.outcomes for writer in self.writers), Counter[str]())
        print(f"{kills} kills of Milvus and {kills} of the service, {SOURCE_ITEMS} items, {WRITERS} writers:\n")
        print("| seconds (median, most) | Milvus | service |\n|---|---|---|")
        names = {
            "from the kill until readiness is false": "unready_s",
            "from the start until readiness is true": "ready_s",
            "until the first complete answer": "search_s",
            "until the first acknowledged write": "write_s",
        }
        for text, name in names.items():
            cells = []
            for recoveries in self.outages.values():
                seconds = [float(getattr(each, name)) for each in recoveries]
                cells.append(f"{median(seconds):.1f}, {max(seconds):.1f}")
            print(f"| {text} | {' | '.join(cells)} |")
        for name, outcomes in self.outcomes.items():
            print(f"searches from the kill of {name} until it had recovered: {dict(outcomes)}")
        print(f"writes: {dict(writes)}; {len(self.lost)} acknowledged ones lost, {self.late} reads were late")
        for line in self.lost:
            print(line)
        outcomes = sum(self.outcomes.values(), Counter[str]())
        bad = [each for each in outcomes if each in (observer.INCOMPLETE, observer.REFUSED_BARE) or "status" in each]
        return int(bool(self.lost or bad))


def serve(gallery: str, log: Path, port: int = 0) -> "tuple[subprocess.Popen[bytes], str]":
    """Starts a service; returns it and its address when it says that it serves."""
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--gallery", gallery]
    with log.open("wb") as file:
        service = subprocess.Popen(command, stderr=file)
    return service, swaps.served(service, log)


def constant_source(folder: Path, count: int) -> Path:
    """Items with random vectors, as clip-retrieval lays them out, that are all of one kind."""
    dimension = Bundle.open(SHIPPED).manifest.dimension
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True)
    vectors = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float16)
    np.save(folder / "img_emb" / "img_emb_0.npy", vectors)
    ids = [f"s{number}" for number in range(count)]
    table = {"id": ids, "image_path": [""] * count, "kind": [CONSTANT] * count}
    parquet.write_table(pyarrow.table(table), folder / "metadata" / "metadata_0.parquet")
    return folder


def free_port() -> int:
    """A port of this machine that nothing has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
