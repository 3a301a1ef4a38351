"""Kills query nodes of a Milvus cluster, and takes them off the network, while two services search a gallery in it.

Each query node is on a host of its own, a network namespace. Prints what the searches saw from each fault on until
answers were complete again. Fails if an answer was incomplete and did not say so. Needs root, iproute2, Debian's
etcd-server, MILVUS_PYTHON and OUTAGE_PYTHON (see docs/milvus.md), and the addresses 10.77.0.*:

PYTHONPATH=deploy/benchmarks python -m outages.cluster
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from outages import observer
from outages.hosts import Hosts
from outages.milvus_cluster import MilvusCluster
from outages.milvus_kills import SEARCH, constant_source, serve
from outages.observer import COMPLETE, ServiceObserver

NODES, SERVICES = ("one", "two"), 2
STEADY_S, HEAL_S = 15.0, 300.0  # complete for so long means healed, which may take so long at most
KINDS = ("kill", "partition")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="of a kill and a partition of each query node")
    parser.add_argument("--down", type=float, default=45.0, help="seconds of each fault")
    parser.add_argument("--items", type=int, default=10_000)
    arguments = parser.parse_args(argv)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hosts = stack.enter_context(Hosts(NODES))
        cluster = MilvusCluster(hosts, folder / "cluster")
        stack.callback(cluster.close)
        cluster.start()
        os.environ["MILVUS_FILES"] = str(folder / "files")
        gallery, source = f"milvus://{cluster.where}/cluster", constant_source(folder / "source", arguments.items)
        build = [sys.executable, "-m", "index", "build", str(source), "--gallery", gallery, "--progress", "none"]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        observers = []
        for number in range(SERVICES):
            service, address = serve(gallery, folder / f"service-{number}.log")
            stack.callback(service.wait)
            stack.callback(service.kill)
            observers.append(stack.enter_context(ServiceObserver(address, SEARCH)))
        trial = ClusterTrial(hosts, cluster, observers)
        for number in range(arguments.rounds):
            for kind in KINDS:
                for node in NODES:
                    trial.fault(kind, node, arguments.down)
            print(f"round {number + 1} of {arguments.rounds} is done", file=sys.stderr)
    return trial.report()


@dataclass(frozen=True, slots=True)
class Fault:
    """A node that was lost for a while, and the searches that began from then on until all were complete again."""

    kind: str
    outcomes: "Counter[str]"
    longest_s: float  # from the first to the last answer that was not complete
    healed_s: float  # from the return of the node until the last of them; 0 if they ended before


class ClusterTrial:
    """Faults of a cluster, one after the other."""

    def __init__(self, hosts: Hosts, cluster: MilvusCluster, observers: Sequence[ServiceObserver]) -> None:
        self._hosts = hosts
        self._cluster = cluster
        self._observers = observers
        self._faults: list[Fault] = []

    def fault(self, kind: str, node: str, down_s: float) -> None:
        """Loses a node, has it back after a while, and waits until all answers are complete."""
        lose, bring = (
            (self._cluster.kill_node, self._cluster.start_node)
            if kind == "kill"
            else (self._hosts.cut, self._hosts.join)
        )
        began = time.monotonic()
        lose(node)
        time.sleep(down_s)
        returned = time.monotonic()
        bring(node)
        self._wait_until_steady(returned)
        ended = time.monotonic()
        searches = [each for one in self._observers for each in list(one.searches) if began <= each.began < ended]
        bad = [each for each in searches if each.outcome != COMPLETE]
        first, last = min((each.began for each in bad), default=0.0), max((each.ended for each in bad), default=0.0)
        outcomes = Counter(each.outcome for each in searches)
        self._faults.append(Fault(kind, outcomes, last - first, max(0.0, last - returned)))
        print(f"{kind} of {node}: {dict(outcomes)}, {last - first:.0f} s", file=sys.stderr)

    def _wait_until_steady(self, since: float) -> None:
        while True:
            now = time.monotonic()
            last = [list(one.searches)[-int(STEADY_S / observer.SEARCHES_EVERY_S) :] for one in self._observers]
            recent = [each for searches in last for each in searches if each.began > now - STEADY_S]
            if now - since > STEADY_S and recent and all(each.outcome == COMPLETE for each in recent):
                return
            self._cluster.restart_ended_nodes()
            if now - since > HEAL_S:
                seen = Counter(each.outcome for each in recent)
                raise SystemExit(f"answers were not complete again in {HEAL_S:g} s: {dict(seen)}")
            time.sleep(0.5)

    def report(self) -> int:
        """Prints a row for each kind of fault; 1 if an answer was incomplete without a note, else 0."""
        kinds = sorted({outcome for fault in self._faults for outcome in fault.outcomes})
        print(f"| | faults | {' | '.join(kinds)} | not all complete, s (median, most) | after the return, s |")
        print(f"|---|---|{'---|' * len(kinds)}---|---|")
        for kind in KINDS:
            faults = [fault for fault in self._faults if fault.kind == kind]
            counts = sum((fault.outcomes for fault in faults), Counter[str]())
            longest, healed = [each.longest_s for each in faults], [each.healed_s for each in faults]
            seconds = [f"{median(values):.1f}, {max(values):.1f}" for values in (longest, healed)]
            cells = [str(len(faults)), *(str(counts[outcome]) for outcome in kinds), *seconds]
            print(f"| {kind} of a query node | {' | '.join(cells)} |")
        return int(any(fault.outcomes[observer.INCOMPLETE] for fault in self._faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
