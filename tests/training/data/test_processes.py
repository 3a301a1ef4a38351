"""Results come in the order of the tasks, errors in their turn, and no process is left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from models.errors import InputError
from training.data.processes import AHEAD, in_order

ROOT = Path(__file__).parents[3]


def test_results_keep_the_order_of_the_tasks_and_few_are_made_ahead() -> None:
    made: list[int] = []

    def tasks() -> Iterator[Callable[[], int]]:
        for number in range(40):
            made.append(number)
            yield partial(int, str(number))

    results = in_order(tasks(), workers=2)
    assert [next(results) for _ in range(5)] == list(range(5))
    assert len(made) <= 5 + 2 * AHEAD
    assert list(results) == list(range(5, 40))


def test_an_error_is_raised_in_its_turn_and_a_killed_process_is_told() -> None:
    tasks = [partial(int, "1"), partial(int, "x"), partial(int, "3")]
    results = in_order(tasks, workers=1)
    assert next(results) == 1
    with pytest.raises(ValueError, match="'x'"):
        next(results)
    with pytest.raises(InputError, match=r"was killed, .*: ask for fewer workers"):
        list(in_order([partial(os._exit, 9)], workers=1))


def test_processes_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys, time\n"
        "from training.data.processes import in_order\n"
        "if __name__ == '__main__':\n"
        "    for pid in in_order([os.getpid, time.time], workers=1):\n"
        "        print(pid, flush=True)\n"
        "        time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)  # it is there
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
