"""Starts the worker processes of a service, replaces those that end, renews them one by one, and ends them."""

import logging
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from models.errors import LikebutError
from service.settings import Settings
from service.shared_folder import SharedFolder
from service.telemetry import json_logs
from service.worker_process import RunningClock, WorkerProcess

LOG = logging.getLogger("likebut")
TICK_S = 0.5  # between two looks at the workers, if no signal and no report comes
BACK_OFF_S = (0.0, 1.0, 2.0, 5.0, 15.0)  # before the next try, by how many in a row ended while they started
START_S = 300.0  # after which a worker that is not ready is killed: a large model takes a minute
QUIET_S = 5.0  # after which the others accept the connections of a worker whose event loop does not turn
SILENT_S = 60.0  # after which it is killed
KILL_S = 5.0  # beyond the grace period, for a worker that does not end
LEADER = 0  # index of the worker that runs jobs


class Supervisor:
    """Keeps `settings.workers` workers running, which listen at the same addresses.

    On Linux each index has sockets of its own, among which the kernel divides new connections. They stay open here and
    in all workers: while an index has no worker that serves, the others accept its connections, and none is refused.

    SIGTERM and SIGINT end all workers, after their drain; SIGHUP renews one after the other, each when its successor is
    ready, and the leader when it has no job.
    """

    def __init__(self, settings: Settings, sockets: Sequence[Sequence[socket.socket]]) -> None:
        """`sockets` has those of each index."""
        self._settings = settings
        self._sockets = sockets
        self._clock = RunningClock(time.monotonic())
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
        self._vacant: frozenset[int] = frozenset()  # indexes that the others accept for, as the workers know it
        self._leader = 0  # process that takes jobs, as the workers know it

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
        self._clock.tick(time.monotonic())
        now_s = self._clock.now_s
        while self._signals:
            self._obey(self._signals.pop(0), now_s)
        for worker in [worker for worker in self._workers if worker.process.poll() is not None]:
            self._remove(worker, now_s)
        for worker in self._workers:
            if not worker.ready and now_s - worker.started_s > START_S:
                LOG.error("worker %d is not ready after %.0f s: it is killed", worker.index, START_S)
                worker.process.kill()
            elif worker.silent_s(self._folder, now_s) > SILENT_S:
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
        try:
            if self._renewals and not self._due_s and all(each.ready and not each.ending for each in self._workers):
                self._renew()
            self._note(now_s)
        except OSError:  # too few descriptors, or a full disk: tried again
            LOG.exception("the workers do not know who of them serves")

    def _start(self, index: int, *, replaces: bool = False) -> None:
        """Starts a worker; if the system starts no process, it is tried again later, unless the service just starts."""
        others = {worker.index for worker in self._workers if worker.ready}
        try:
            worker = WorkerProcess.start(
                index,
                self._sockets,
                settings=self._settings,
                folder=self._folder,
                replaces=replaces,
                proves=any(self._folder.has_gallery(other) for other in others),
                now_s=self._clock.now_s,
            )
        except OSError as error:
            message = f"worker {index} cannot start: {error.strerror}"
            if not self._started:
                raise LikebutError(message) from error
            LOG.error("%s", message)
            self._renewals.clear()
            if replaces:
                self._delay(index, self._clock.now_s)
            return
        self._workers.append(worker)
        self._selector.register(worker.stdout, selectors.EVENT_READ, worker)

    def _renew(self) -> None:
        """Starts the next successor; that of the leader only when it has no job, which would end with it."""
        if self._renewals == [LEADER]:
            if self._folder.working():
                return
            self._folder.set_leader(0)  # from now on it starts no job
            self._leader = 0
            if self._folder.working():  # it has started one meanwhile
                return
        self._start(self._renewals.pop(0))

    def _note(self, now_s: float) -> None:
        """Tells the workers who leads, and for which indexes they accept connections, if that has changed."""
        serving = {
            worker.index for worker in self._workers if worker.ready and worker.silent_s(self._folder, now_s) < QUIET_S
        }
        vacant = frozenset(range(self._settings.workers)) - serving
        leaders = [worker for worker in self._workers if worker.index == LEADER and not worker.ending]
        leader = leaders[0].process.pid if len(leaders) == 1 and leaders[0].ready else 0
        if vacant != self._vacant:
            self._folder.set_vacant(vacant)
            if self._started and vacant - self._vacant:
                LOG.warning("workers %s do not serve: the others take their connections", sorted(vacant))
            self._vacant = vacant
        if leader != self._leader:
            self._folder.set_leader(leader)
            self._leader = leader

    def _read_report(self, worker: WorkerProcess) -> None:
        if not worker.read_report():
            return
        self._selector.unregister(worker.stdout)
        report = worker.report
        if report is None:
            return  # it ended without one
        if report.failed:
            self._refuse(worker, report.failed)
            return
        worker.ready = True
        self._failures[worker.index] = 0
        for other in self._workers:
            if other.index == worker.index and other is not worker:
                other.tell(signal.SIGTERM)
        if worker.index == LEADER:
            self._lines = report.ready
        if not self._started and all(other.ready for other in self._workers):
            self._started = True
            for line in (*self._lines, f"{self._settings.workers} worker processes, led by number {LEADER}"):
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
        while worker.stdout in self._selector.get_map():
            self._read_report(worker)
        worker.close()
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
        if not others:  # else it was the successor of one that still serves
            self._delay(worker.index, now_s)
            if min(self._failures) >= len(BACK_OFF_S):
                raise LikebutError("no worker can start any more: see the messages above")

    def _delay(self, index: int, now_s: float) -> None:
        """Has a worker of this index started, the later the more of them failed in a row."""
        self._due_s[index] = now_s + BACK_OFF_S[min(self._failures[index], len(BACK_OFF_S) - 1)]
        self._failures[index] += 1

    def _obey(self, number: int, now_s: float) -> None:
        if number == signal.SIGHUP:
            indexes = range(self._settings.workers)
            self._renewals = [] if self._ends_s is not None else [*indexes[1:], LEADER]
            return
        self._interrupted |= number == signal.SIGINT
        if self._ends_s is None:
            self._ends_s = now_s + self._settings.drain_s + self._settings.grace_s + KILL_S
            for one in {one for group in self._sockets for one in group}:
                one.close()  # so that connections are refused once the workers listen no more
        self._due_s.clear()
        for worker in self._workers:
            worker.tell(signal.Signals(number))
