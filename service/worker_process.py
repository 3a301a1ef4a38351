"""One worker process as its supervisor sees it: its start, its report, its heartbeat and its end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from service.settings import Settings
from service.shared_folder import SharedFolder
from service.worker import WorkerOrders, WorkerReport

ROOT = Path(__file__).parents[1]
LONGEST_STEP_S = 2.0  # of the clock, however long this process did not run


class RunningClock:
    """Seconds in which this process ran: while it is frozen, or the machine sleeps, the clock stands still.

    All processes of a service are frozen together (docker pause, a suspended machine). By an ordinary clock, every
    worker would be overdue when they run again, before any of them could move.
    """

    def __init__(self, now_s: float) -> None:
        self.now_s = 0.0
        self._ticked_s = now_s

    def tick(self, now_s: float) -> None:
        """Advances to the present of an ordinary clock; to be called often."""
        self.now_s += min(now_s - self._ticked_s, LONGEST_STEP_S)
        self._ticked_s = now_s


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """One worker, from its start to its end; times are those of a `RunningClock`."""

    index: int
    started_s: float
    process: subprocess.Popen[bytes]
    ready: bool = False
    ending: bool = False  # it was told to end
    report: WorkerReport | None = None
    _read: bytes = b""  # of the report
    _beat: float = 0.0  # its last heartbeat, by its own clock
    _beat_s: float = 0.0  # when that was seen

    @classmethod
    def start(
        cls,
        index: int,
        sockets: Sequence[Sequence[socket.socket]],
        *,
        settings: Settings,
        folder: SharedFolder,
        replaces: bool,
        proves: bool,
        now_s: float,
    ) -> "WorkerProcess":
        """Starts a worker of this index with the sockets of all; raises OSError if the system starts no process."""
        descriptors = tuple(tuple(one.fileno() for one in group) for group in sockets)
        orders = WorkerOrders(
            index=index,
            replaces=replaces,
            proves=proves,
            folder=folder.path,
            descriptors=descriptors,
            settings=settings,
        )
        paths = (str(ROOT), os.environ.get("PYTHONPATH"))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service.worker"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds={one for group in descriptors for one in group},
            start_new_session=True,  # so that Ctrl-C reaches this process alone
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already, as will be noticed
            process.stdin.write(orders.model_dump_json().encode() + b"\n")  # a pipe takes so little at once
            # it stays open: its end tells the worker that this process is gone
        return cls(index, now_s, process)

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe of the report."""
        assert self.process.stdout is not None
        return self.process.stdout

    def read_report(self) -> bool:
        """Reads on, and returns True at the end of the report."""
        part = os.read(self.stdout.fileno(), 65_536)
        self._read += part
        if part:
            return False
        with suppress(ValidationError):  # it ended without a report
            self.report = WorkerReport.model_validate_json(self._read)
        return True

    def silent_s(self, folder: SharedFolder, now_s: float) -> float:
        """Return the seconds since its event loop was seen to turn; 0 if it never was."""
        try:
            beat = folder.beat_of(self.process.pid)
        except OSError:  # for want of descriptors, say: this is no fault of the worker
            beat = -1.0
        if beat != self._beat:
            self._beat, self._beat_s = beat, now_s
        return now_s - self._beat_s if self._beat else 0.0

    def tell(self, number: signal.Signals) -> None:
        """Tells it to end."""
        self.ending = True
        self.process.send_signal(number)

    def close(self) -> None:
        """Closes the pipes of a worker that has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.stdout.close()
