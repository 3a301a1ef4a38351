"""Starts the worker processes of a service, replaces those that end, renews them one by one, and ends them."""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from models.errors import LikebutError
from service.settings import Settings
from service.shared_folder import SharedFolder
from service.telemetry import json_logs
from service.worker import WorkerOrders, WorkerReport

LOG = logging.getLogger("likebut")
ROOT = Path(__file__).parents[1]
TICK_S = 0.5  # between two looks at the workers, if no signal and no report comes
BACK_OFF_S = (0.0, 1.0, 2.0, 5.0, 15.0)  # before the next try, by how many in a row ended while they started
START_S = 300.0  # after which a worker that is not ready is killed: a large model takes a minute
SILENT_S = 60.0  # after which a worker whose event loop does not turn is killed
KILL_S = 5.0  # beyond the grace period, for a worker that does not end


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """One worker, from its start to its end."""

    index: int
    process: subprocess.Popen[bytes]
    started_s: float
    report: bytes = b""  # as far as it has been read
    ready: bool = False
    ending: bool = False  # it was told to end


class Supervisor:
    """Keeps `settings.workers` workers running, which listen at the same addresses.

    On Linux each index has sockets of its own, among which the kernel divides new connections. They stay open here, so
    that connections wait for the successor of a worker, and none is refused.

    SIGTERM and SIGINT end all workers, after their drain; SIGHUP renews one after the other, each when its successor is
    ready.
    """

    def __init__(self, settings: Settings, sockets: Sequence[Sequence[socket.socket]]) -> None:
        """`sockets` has those of each index."""
        self._settings = settings
        self._sockets = sockets
        self._workers: list[WorkerProcess] = []
        self._due_s: dict[int, float] = {}  # when a worker is to be replaced, by index
        self._failures = [0] * settings.workers  # in a row, by index
        self._renewals: list[int] = []
        self._lines: Sequence[str] = ()  # of the leader's report; empty once they are printed
        self._started = False  # all workers have been ready once
        self._signals: list[int] = []
        self._ends_s: float | None = None
        self._interrupted = False
        self._failed = False  # a worker had to be killed, or was cut off

    def run(self) -> None:
        """Runs until all workers have ended; raises LikebutError if they cannot start, and KeyboardInterrupt."""
        json_logs.configure()
        woken, wake = socket.socketpair()
        with tempfile.TemporaryDirectory(prefix="likebut-") as folder, selectors.DefaultSelector() as selector:
            self._folder, self._selector = SharedFolder(Path(folder)), selector
            self._folder.metrics.mkdir()
            for end in (woken, wake):
                end.setblocking(False)
            signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda number, _: self._signals.append(number))
            signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the loop
            selector.register(woken, selectors.EVENT_READ)
            try:
                for index in range(self._settings.workers):
                    self._start(index)
                while self._workers or self._due_s:
                    self._wait(woken)
                    self._step()
            finally:
                signal.set_wakeup_fd(-1)
                for worker in self._workers:
                    worker.process.kill()
                    worker.process.wait()
        if self._interrupted:
            raise KeyboardInterrupt
        if self._failed:
            sys.exit(1)

    def _wait(self, woken: socket.socket) -> None:
        for key, _ in self._selector.select(TICK_S):
            if key.data is None:
                woken.recv(4096)
            else:
                self._read_report(key.data)

    def _step(self) -> None:
        now_s = time.monotonic()
        while self._signals:
            self._obey(self._signals.pop(0), now_s)
        for worker in [worker for worker in self._workers if worker.process.poll() is not None]:
            self._remove(worker, now_s)
        for worker in self._workers:
            if not worker.ready and now_s - worker.started_s > START_S:
                LOG.error("worker %d is not ready after %.0f s: it is killed", worker.index, START_S)
                worker.process.kill()
            elif self._folder.silent_s(worker.process.pid) > SILENT_S:
                LOG.error("the event loop of worker %d has not turned for %.0f s: it is killed", worker.index, SILENT_S)
                worker.process.kill()
        if self._ends_s is not None:
            if now_s > self._ends_s:
                self._failed = True
                for worker in self._workers:
                    worker.process.kill()
            return
        for index in [index for index, due_s in self._due_s.items() if now_s >= due_s]:
            del self._due_s[index]
            self._start(index, replaces=True)
        if self._renewals and not self._due_s and all(worker.ready and not worker.ending for worker in self._workers):
            self._start(self._renewals.pop(0))

    def _start(self, index: int, *, replaces: bool = False) -> None:
        listening = self._sockets[index]
        orders = WorkerOrders(
            index=index,
            replaces=replaces,
            folder=self._folder.path,
            descriptors=tuple(one.fileno() for one in listening),
            settings=self._settings,
        )
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service.worker"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=orders.descriptors,
            start_new_session=True,  # so that Ctrl-C reaches this process alone
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(orders.model_dump_json().encode() + b"\n")
        process.stdin.flush()  # and stays open: its end tells the worker that this process is gone
        worker = WorkerProcess(index, process, time.monotonic())
        self._workers.append(worker)
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)

    def _read_report(self, worker: WorkerProcess) -> None:
        assert worker.process.stdout is not None
        part = os.read(worker.process.stdout.fileno(), 65_536)
        worker.report += part
        if part:
            return
        self._selector.unregister(worker.process.stdout)
        try:
            report = WorkerReport.model_validate_json(worker.report)
        except ValidationError:
            return  # it ended without a report
        if report.failed:
            self._refuse(worker, report.failed)
            return
        worker.ready = True
        self._failures[worker.index] = 0
        former = [other for other in self._workers if other.index == worker.index and other is not worker]
        for other in former:
            self._signal(other, signal.SIGTERM)
        if worker.index == 0:
            self._lines = report.ready
        if not self._started and all(other.ready for other in self._workers):
            self._started = True
            for line in (*self._lines, f"{self._settings.workers} worker processes, led by number 0"):
                print(f"likebut: {line}", file=sys.stderr, flush=True)
        elif self._started:
            LOG.info("worker %d serves", worker.index)

    def _refuse(self, worker: WorkerProcess, message: str) -> None:
        """Notes why a worker cannot start; at the start of the service it ends all of it."""
        if not self._started and self._ends_s is None:
            raise LikebutError(message)
        LOG.error("worker %d cannot start: %s", worker.index, message)
        self._renewals.clear()

    def _remove(self, worker: WorkerProcess, now_s: float) -> None:
        """Forgets a worker that has ended, and has it replaced unless it was told to end."""
        self._workers.remove(worker)
        process = worker.process
        assert process.stdin is not None and process.stdout is not None
        while process.stdout in self._selector.get_map():
            self._read_report(worker)
        process.stdin.close()
        process.stdout.close()
        others = [other for other in self._workers if other.index == worker.index]
        self._folder.forget(worker.index, process.pid, vacant=not others)
        if self._ends_s is not None:
            early = () if worker.ready else (-signal.SIGTERM, -signal.SIGINT)  # it had no handlers yet
            self._failed |= process.returncode not in (0, 130, *early)
            return
        if worker.ending:
            return
        if not self._started:
            raise LikebutError(f"worker {worker.index} ended with status {process.returncode} while it started")
        LOG.error("worker %d ended with status %d", worker.index, process.returncode)
        if others:
            return  # it was the successor of one that still serves
        failures = self._failures[worker.index]
        self._due_s[worker.index] = now_s + BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
        self._failures[worker.index] += 1
        if min(self._failures) >= len(BACK_OFF_S):
            raise LikebutError("no worker can start any more: see the messages above")

    def _obey(self, number: int, now_s: float) -> None:
        if number == signal.SIGHUP:
            self._renewals = [] if self._ends_s is not None else list(range(self._settings.workers))
            return
        self._interrupted |= number == signal.SIGINT
        if self._ends_s is None:
            self._ends_s = now_s + self._settings.drain_s + self._settings.grace_s + KILL_S
            for one in {one for group in self._sockets for one in group}:
                one.close()  # so that connections are refused once the workers listen no more
        self._due_s.clear()
        for worker in self._workers:
            self._signal(worker, number)

    def _signal(self, worker: WorkerProcess, number: int) -> None:
        worker.ending = True
        worker.process.send_signal(number)
