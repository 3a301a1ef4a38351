"""A job is started or cancelled, whichever comes first, and its caller gets the result, the error or the deadline."""

import asyncio
import threading

import pytest

from models.errors import DeadlineExceeded
from service.workers.thread_job import ThreadJob


def test_a_result_and_an_error_reach_the_caller_from_another_thread() -> None:
    async def scenario() -> None:
        good, bad = ThreadJob[int](), ThreadJob[int]()
        assert good.start() and bad.start()
        threading.Thread(target=good.succeed, args=(7,)).start()
        threading.Thread(target=bad.fail, args=(ZeroDivisionError("x"),)).start()
        assert await good.result() == 7 and good.has_ended
        with pytest.raises(ZeroDivisionError):
            await bad.result(within_s=30)

    asyncio.run(scenario())


def test_a_job_that_has_started_is_not_cancelled() -> None:
    async def scenario() -> None:
        job = ThreadJob[int]()
        assert job.start() and not job.cancel() and not job.is_cancelled and not job.start()
        job.succeed(1)
        assert await job.result(within_s=-1.0) == 1  # its deadline is for the start

    asyncio.run(scenario())


def test_a_job_not_started_by_its_deadline_never_starts() -> None:
    async def scenario() -> None:
        job = ThreadJob[int]()
        with pytest.raises(DeadlineExceeded):
            await job.result(within_s=0.01)
        assert job.is_cancelled and not job.start()

    asyncio.run(scenario())


def test_a_caller_that_leaves_cancels_its_job_or_hears_of_its_end() -> None:
    async def scenario() -> None:
        waiting, running, ended = ThreadJob[int](), ThreadJob[int](), list[str]()
        assert running.start()
        tasks = [asyncio.create_task(job.result()) for job in (waiting, running)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert waiting.is_cancelled and not running.is_cancelled and not running.has_ended
        running.when_ended(lambda: ended.append("running"))
        running.succeed(1)
        while not running.has_ended:
            await asyncio.sleep(0.001)
        assert ended == ["running"]

    asyncio.run(scenario())


def test_an_abandoned_job_cancels_its_caller() -> None:
    async def scenario() -> None:
        job = ThreadJob[int]()
        task = asyncio.create_task(job.result())
        await asyncio.sleep(0)
        job.abandon()
        await asyncio.wait((task,))
        assert task.cancelled() and not job.start()

    asyncio.run(scenario())


def test_a_result_after_the_end_of_the_event_loop_is_dropped() -> None:
    async def scenario() -> ThreadJob[int]:
        job = ThreadJob[int]()
        assert job.start()
        return job

    asyncio.run(scenario()).succeed(1)
