"""Servers as process trees: started in a session of their own, their CPU time counted, ended whole."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from peers.environments import PeerMissing

TICKS = os.sysconf("SC_CLK_TCK")
READY_S = 180.0


def free_port() -> int:
    """Return a port of the loopback address that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is ended with all that it started."""
    with log.open("wb") as file:
        own = os.environ | (environment or {})
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, env=own)
    try:
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """End a process and its descendants, politely at first."""
    family = tree(process.pid)
    process.terminate()
    _signal(process.pid, signal.SIGCONT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in family:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@contextmanager
def awake(root: int) -> Iterator[None]:
    """A process tree that runs for now, and is stopped before and after: idle servers take CPU time from the others."""
    _signal(root, signal.SIGCONT)
    try:
        yield
    finally:
        _signal(root, signal.SIGSTOP)


def _signal(root: int, number: signal.Signals) -> None:
    for pid in tree(root):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Wait until a GET of the URL is answered; raises PeerMissing with the last error of the log if it never is."""
    end_at = time.monotonic() + READY_S
    while time.monotonic() < end_at and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:  # of a status other than 2xx, too
            pass
        time.sleep(0.3)
    raise PeerMissing(f"did not start: {last_error(log)}")


def last_error(log: Path) -> str:
    """Return the last line of a log that names an error, or the last at all."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line]
    return (errors or lines or ["it wrote nothing"])[-1][:200]


def tree(root: int) -> set[int]:
    """Return the ids of a process and its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, fields in _stats():
        children[int(fields[1])].append(pid)
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children[pid]
    return found


def cpu_seconds(root: int) -> float:
    """Return the CPU seconds of a process tree so far, of descendants that have ended, too."""
    family = tree(root)
    # utime, stime, and both of children that were waited for: fields 14 to 17 of proc(5), 11 to 14 after the name
    return sum(sum(int(ticks) for ticks in fields[11:15]) for pid, fields in _stats() if pid in family) / TICKS


def resident_mib(root: int) -> float:
    """Return the proportional share of memory of a process tree, in MiB."""
    kib = 0
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


def _stats() -> Iterator[tuple[int, list[str]]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        yield int(path.parent.name), text.rpartition(")")[2].split()
