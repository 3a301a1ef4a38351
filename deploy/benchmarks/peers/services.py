"""Compares `likebut serve` with servers of embeddings: the same images and texts, by many callers and by one.

All are started once and asked in turn, forwards and backwards, so that ratios can be taken within a round; all but the
one that is asked are stopped meanwhile. The peers run at the priority at which ours computes: other work on the machine
slows all alike. Writes build/peers/services.json, which report.py makes a page from. Run by `make bench-peers`.
"""

import argparse
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from PIL import Image

import shop
from peers import environments, processes
from peers.environments import PEERS, PeerMissing
from peers.server_peers import OURS, PEER_SERVERS, SERVERS, SIZES, Server, ShopFiles
from service.workers.threads import NICER

LOAD = Path(__file__).parents[1] / "load.py"
CALLERS, SECONDS, ALONE_S, ROUNDS = 16, 2.5, 1.5, 4
IMAGES = 96
STARTS = 3
KINDS = ("image 256 px", "image 800 px", "text")
Rounds = dict[str, list[dict[str, float]]]  # figures of each round, by kind of request


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/peers"), help="of environments and models")
    parser.add_argument("--only", nargs="*", default=list(PEER_SERVERS), help="these peers")
    parser.add_argument("--sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args(argv)
    results: dict[str, object] = {"cores": os.cpu_count(), "callers": CALLERS, "rounds": arguments.rounds}
    results["sizes"] = {size: measured(SIZES[size], arguments) for size in arguments.sizes}
    (arguments.folder / "services.json").write_text(json.dumps(results, indent=1))
    return 0


def measured(shop_files: ShopFiles, arguments: argparse.Namespace) -> dict[str, object]:
    """Return the figures of ours and of the peers on one size of model, one of each round, and why any is missing."""
    missing: dict[str, str] = {}
    shop_files.folder.mkdir(parents=True, exist_ok=True)
    versions = dict.fromkeys(OURS, "this commit")
    with ExitStack() as stack:
        services: dict[str, Served] = {}
        for name in (*OURS, *arguments.only):
            try:
                python = Path()
                if name in PEERS:
                    python = environments.installed(name, arguments.folder, PEERS[name])
                    prepared(python, PEER_SERVERS[name], shop_files)
                    versions[name] = environments.version(python, PEER_SERVERS[name].package)
                server = OURS.get(name) or PEER_SERVERS[name]
                services[name] = stack.enter_context(Served(server, shop_files, python, name))
                for kind in KINDS:
                    services[name].measure(kind)  # to warm up, and to see that it answers
            except PeerMissing as error:
                services.pop(name, None)
                missing[name] = str(error)
                print(f"{name}: {error}", file=sys.stderr)
        found: dict[str, Rounds] = {name: {kind: [] for kind in KINDS} for name in services}
        for turn in range(arguments.rounds):
            for kind in KINDS:
                for name in services if turn % 2 else reversed(services):
                    found[name][kind].append(services[name].measure(kind))
        memory = {name: service.mib for name, service in services.items()}
    return {"missing": missing, "versions": versions, "mib": memory, "found": found}


def prepared(python: Path, server: Server, model: ShopFiles) -> None:
    """Make a model in the peer's own format, by its own libraries; raises PeerMissing if that fails."""
    into = model.folder / server.prepare.removesuffix("_model.py")
    if not server.prepare or (into / "complete").exists():
        return
    command = [
        str(python),
        str(SERVERS / server.prepare),
        model.name,
        str(model.bundle.absolute()),
        str(into.absolute()),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except subprocess.CalledProcessError as error:
        raise PeerMissing(f"its model could not be made: {str(error.stderr).strip().splitlines()[-1]}") from error
    (into / "complete").touch()


class Served:
    """A service while it runs; raises PeerMissing if it does not start."""

    def __init__(self, server: Server, model: ShopFiles, python: Path, name: str) -> None:
        self._server, self._model, self._python, self._name = server, model, python, name
        self._stack = ExitStack()

    def __enter__(self) -> "Served":
        self._write_bodies()
        for left in reversed(range(STARTS)):
            try:
                self._start()
                break
            except PeerMissing:  # pytriton gives its second instance one second, which a busy machine may not have
                self._stack.close()
                if not left:
                    raise
        return self

    def _start(self) -> None:
        port = processes.free_port()
        self._address = f"http://127.0.0.1:{port}"
        command = self._server.command(self._python, self._model, port, os.cpu_count() or 1)
        if self._name not in OURS:
            command = ["nice", "-n", str(NICER), *command]
        log = self._model.folder / f"{self._name}.log"
        self._process = self._stack.enter_context(
            processes.running(command, log=log, environment=self._server.environment)
        )
        processes.wait_until_ready(self._process, self._address + self._server.ready, log)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def mib(self) -> float:
        """Its memory now."""
        return processes.resident_mib(self._process.pid)

    def measure(self, kind: str) -> dict[str, float]:
        """Requests a second of many callers and CPU ms of each, and the p50 of one caller, in ms."""
        with processes.awake(self._process.pid):
            before = processes.cpu_seconds(self._process.pid)
            many = self._load(kind, CALLERS, SECONDS)
            cpu_ms = 1000 * (processes.cpu_seconds(self._process.pid) - before) / len(many)
            alone = self._load(kind, 1, ALONE_S)
        last = max(ended for _, ended in many)
        return {"per_s": len(many) / last, "cpu_ms": cpu_ms, "p50_ms": 1000 * median(took for took, _ in alone)}

    def _load(self, kind: str, callers: int, seconds: float) -> list[tuple[float, float]]:
        path = self._server.path(kind.split()[0])
        command = [sys.executable, str(LOAD), self._address, str(self._bodies(kind)), "--path", path]
        command += ["--seconds", str(seconds), "--callers", str(callers)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        found = json.loads(done.stdout)
        wrong = [status for status, *_ in found if status != 200]
        if wrong or not found:
            raise PeerMissing(f"answered {kind} with {wrong[:1]} {len(wrong)} of {len(found)} times")
        return [(took, ended) for _, took, ended in found]

    def _bodies(self, kind: str) -> Path:
        return self._model.folder / f"{self._name}-{kind.replace(' ', '-')}.jsonl"

    def _write_bodies(self) -> None:
        queries = shop.composed(self._model.shop)
        for kind in KINDS:
            if kind == "text":
                lines = [self._server.text(text) for _, text in queries]
            else:
                side = int(kind.split()[1])
                lines = [self._server.image(resized(data, side)) for data, _ in queries[:IMAGES]]
            self._bodies(kind).write_text("\n".join(map(json.dumps, lines)))


def resized(data: bytes, side: int) -> bytes:
    """Return a JPEG of the image with that side."""
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").resize((side, side), Image.Resampling.BICUBIC).save(
        file, "JPEG", quality=90
    )
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
