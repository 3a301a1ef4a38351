"""Permits: how many one caller gets, and that all come back."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from service.errors import Overloaded
from service.workers.pool import PUBLIC, Pool


def held_work() -> tuple[threading.Event, threading.Event, Callable[[], None]]:
    """Return work that runs until the first event is set, and sets the second when it starts."""
    opened, entered = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        assert opened.wait(30)

    return opened, entered, work


def test_one_caller_leaves_a_quarter_of_the_permits_to_others() -> None:
    async def scenario() -> None:
        pool = Pool("test", workers=1, max_waiting=7)
        async with pool:
            with ExitStack() as stack:
                for _ in range(6):
                    stack.enter_context(pool.permit(caller="greedy"))
                with pytest.raises(Overloaded, match="greedy"):
                    pool.permit(caller="greedy")
                stack.enter_context(pool.permit(caller="shopper"))
                wide = stack.enter_context(pool.permit(caller="shopper"))
                with pytest.raises(Overloaded):
                    wide.widen(1, wait_s=0, within_s=1)
                with pytest.raises(Overloaded):
                    pool.permit(caller="third")
            assert pool.active == 0
            with pool.permit(caller="greedy") as permit:
                permit.widen(5, wait_s=0, within_s=1)
                with pytest.raises(Overloaded):
                    permit.widen(1, wait_s=0, within_s=1)
            assert pool.active == 0

    asyncio.run(scenario())


def test_callers_without_a_key_leave_half_of_the_permits_to_those_with_one() -> None:
    async def scenario() -> None:
        async with Pool("test", workers=1, max_waiting=7) as pool:
            with ExitStack() as stack:
                for _ in range(4):
                    stack.enter_context(pool.permit(caller=PUBLIC))
                with pytest.raises(Overloaded, match="without a key have 4"):
                    pool.permit(caller=PUBLIC)
                for _ in range(4):
                    stack.enter_context(pool.permit(caller="the key shop"))
            assert (pool.most_of(PUBLIC), pool.most_of("the key shop"), pool.most_of(None)) == (4, 6, 8)

    asyncio.run(scenario())


def test_callers_without_names_share_all_permits() -> None:
    async def scenario() -> None:
        async with Pool("test", workers=1, max_waiting=3) as pool:
            with ExitStack() as stack:
                for _ in range(4):
                    stack.enter_context(pool.permit())
                with pytest.raises(Overloaded):
                    pool.permit()

    asyncio.run(scenario())


def test_a_caller_that_leaves_holds_its_permit_until_its_work_ends() -> None:
    opened, entered, work = held_work()

    async def scenario() -> None:
        async with Pool("test", workers=1, max_waiting=3) as pool:

            async def search() -> None:
                with pool.permit(caller="greedy") as permit:
                    await permit.run(work)

            task = asyncio.create_task(search())
            await asyncio.to_thread(entered.wait, 10)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with pytest.raises(Overloaded, match="greedy"), pool.permit(caller="greedy") as permit:
                permit.widen(2, wait_s=0, within_s=1)
            opened.set()
            while pool.active:
                await asyncio.sleep(0.001)
            with pool.permit(caller="greedy") as permit:
                permit.widen(2, wait_s=0, within_s=1)

    asyncio.run(scenario())


def test_callers_take_turns_and_leave_a_thread_to_others() -> None:
    opened, order = threading.Event(), list[str]()

    async def scenario() -> None:
        async with Pool("test", workers=2, max_waiting=30) as pool:

            def work(name: str, *, blocked: bool = False) -> None:
                order.append(name)
                assert not blocked or opened.wait(30)

            async def run(caller: str, name: str, *, blocked: bool = False) -> None:
                await pool.run(lambda: work(name, blocked=blocked), caller=caller)

            hung = [asyncio.create_task(run("greedy", f"greedy {number}", blocked=True)) for number in range(3)]
            while not order:
                await asyncio.sleep(0.001)
            await asyncio.wait_for(run("shopper", "shopper 0"), 10)  # at once, although `greedy` waits twice
            assert order == ["greedy 0", "shopper 0"]
            hung[2].cancel()
            await asyncio.wait(hung[2:])
            opened.set()
            await asyncio.gather(*hung, return_exceptions=True)
            assert order == ["greedy 0", "shopper 0", "greedy 1"]
            assert pool.active == 0

    asyncio.run(scenario())


def test_work_that_fails_tells_its_caller_and_the_next_runs() -> None:
    async def scenario() -> None:
        async with Pool("test", workers=1, max_waiting=3) as pool:
            with pytest.raises(ZeroDivisionError):
                await pool.run(lambda: 1 / 0)
            assert await pool.run(lambda: 7) == 7

    asyncio.run(scenario())


def test_at_the_end_of_the_pool_waiting_work_is_cancelled() -> None:
    opened, entered, work = held_work()

    async def scenario() -> None:
        async with Pool("test", workers=1, max_waiting=3) as pool:
            tasks = [asyncio.create_task(pool.run(work)) for _ in range(3)]
            await asyncio.to_thread(entered.wait, 10)
            asyncio.get_running_loop().call_later(0.2, opened.set)
        outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert [type(outcome) for outcome in outcomes] == [type(None), *[asyncio.CancelledError] * 2]

    asyncio.run(scenario())


def test_names_of_callers_are_forgotten() -> None:
    async def scenario() -> None:
        async with Pool("test", workers=2, max_waiting=3) as pool:
            for number in range(50):
                await pool.run(lambda: None, caller=f"host {number}")
            assert not pool._active_of
            while pool._running_of:  # a thread ends its count after it has given the result
                await asyncio.sleep(0.01)

    asyncio.run(scenario())
