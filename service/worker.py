"""One of several worker processes: reads its orders from stdin, reports on stdout, and ends with its supervisor.

The first line on stdin is a `WorkerOrders`; the end of stdin means that the supervisor is gone. The one line on stdout
is a `WorkerReport`. What listens is inherited.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict

from models.errors import LikebutError
from service.settings import Settings
from service.shared_folder import SharedFolder, WorkerRole


class WorkerOrders(BaseModel):
    """The task of one worker."""

    model_config = ConfigDict(frozen=True)

    index: int
    replaces: bool
    proves: bool
    folder: Path
    descriptors: tuple[tuple[int, ...], ...]  # of the listening sockets of each index
    settings: Settings


class WorkerReport(BaseModel):
    """The outcome of a start: lines for the operator, or why the worker cannot start."""

    ready: list[str] = []
    failed: str = ""


def main() -> int:
    """Serves until SIGTERM, or until the supervisor is gone; returns the exit status."""
    orders = WorkerOrders.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_follow, args=(sys.stdin.fileno(),), name="likebut-supervisor", daemon=True).start()
    report = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no report
    folder, settings = SharedFolder(orders.folder), orders.settings
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.metrics)  # before prometheus_client is imported
    from service import server

    def ready(lines: Sequence[str]) -> None:
        _write(report, WorkerReport(ready=list(lines)))

    role = WorkerRole(folder, orders.index, settings.workers, orders.replaces, orders.proves)
    settings = settings.model_copy(update={"bundle": folder.bundle() or settings.bundle})  # a job may have changed it
    opened = {number: socket.socket(fileno=number) for group in orders.descriptors for number in group}
    sockets = [[opened[number] for number in group] for group in orders.descriptors]
    try:
        server.run(settings, sockets, ready=ready, role=role)
    except LikebutError as error:
        _write(report, WorkerReport(failed=str(error)))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _follow(orders: int) -> None:
    """Ends this process when the supervisor has ended, which closes the pipe."""
    while os.read(orders, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _write(report: BinaryIO, line: WorkerReport) -> None:
    try:
        report.write(line.model_dump_json().encode() + b"\n")
        report.close()
    except BrokenPipeError:
        pass  # the supervisor is gone


if __name__ == "__main__":
    sys.exit(main())
