"""Background tasks, the age of running work, and thread priorities."""

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.workers.threads import LAST, NICER, RunningWork, background_task, lower_priority, run_in_thread


def test_a_background_task_runs_until_its_context_ends() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def whole() -> None:
        async with background_task(work(), name="test"):
            await asyncio.wait_for(begun.wait(), 10)
            assert not ended.is_set()
        assert ended.is_set()

    asyncio.run(whole())


def test_busy_s_is_the_age_of_the_oldest_work() -> None:
    running = RunningWork()
    assert running.busy_s == 0
    with running.track():
        first = running.busy_s
        with running.track():
            assert running.busy_s >= first > 0
        assert running.busy_s > first
    assert running.busy_s == 0


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_lower_priority_affects_only_its_thread() -> None:
    def work() -> None:
        lower_priority()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    found: list[int] = []
    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [min(19, before + NICER)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_run_in_thread_has_low_priority_and_raises_the_error() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def work() -> tuple[int, int]:
        with ThreadPoolExecutor(1) as pool:
            return priority(), pool.submit(priority).result()

    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert asyncio.run(run_in_thread(work)) == (min(19, before + LAST),) * 2
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_in_thread(lambda: 1 // 0))
