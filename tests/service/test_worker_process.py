"""One worker process as its supervisor sees it: when it counts as silent."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.shared_folder import SharedFolder
from service.supervisor import QUIET_S
from service.worker_process import LONGEST_STEP_S, RunningClock, WorkerProcess


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    worker = WorkerProcess(0, 0.0, process)
    yield worker
    process.kill()
    process.wait()
    worker.close()


def beat(folder: SharedFolder, worker: WorkerProcess, value: float) -> None:
    (folder.path / f"beat-{worker.process.pid}").write_text(str(value))


def test_a_clock_stands_still_while_its_process_is_frozen() -> None:
    clock = RunningClock(100.0)
    for now_s in (100.5, 101.0, 101.5):
        clock.tick(now_s)
    assert clock.now_s == 1.5
    clock.tick(5000.0)  # frozen for more than an hour
    assert clock.now_s == 1.5 + LONGEST_STEP_S < QUIET_S


def test_a_worker_is_silent_as_long_as_its_beat_stays_the_same(tmp_path: Path, worker: WorkerProcess) -> None:
    folder = SharedFolder(tmp_path)
    assert worker.silent_s(folder, 70.0) == 0  # it still starts
    beat(folder, worker, 1000.0)
    assert worker.silent_s(folder, 71.0) == 0
    assert worker.silent_s(folder, 75.0) == 4
    beat(folder, worker, 1001.0)
    assert worker.silent_s(folder, 76.0) == 0
    folder.forget(0, worker.process.pid, vacant=True)
    assert not list(tmp_path.iterdir())
