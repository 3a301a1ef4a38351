"""Waiting items share a batch; a failure, a cancellation or a deadline affects only its own item."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import DeadlineExceeded
from service.errors import NotReady
from service.workers.batcher import Batcher

SOON, LATE = 60.0, -1.0  # seconds from now


class Doubling:
    """Doubles numbers, records its batches, and can be blocked; a negative number fails its whole batch."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def __call__(self, key: str, numbers: Sequence[int]) -> list[int]:
        self.entered.set()
        assert self.open.wait(30)
        self.passes.append(list(numbers))
        if any(number < 0 for number in numbers):
            raise ValueError(f"of {key}: {min(numbers)}")
        return [2 * number for number in numbers]


Use = Callable[["Batcher[str, int, int]", Doubling], Coroutine[None, None, None]]


def run(scenario: Use, *, workers: int = 1, most: int = 4) -> Doubling:
    work = Doubling()

    async def whole() -> None:
        batcher: Batcher[str, int, int] = Batcher(
            "test", work, workers=workers, max_batch=most, on_batch=lambda *_: None
        )
        async with batcher:
            try:
                await scenario(batcher, work)
            finally:
                work.open.set()

    asyncio.run(whole())
    return work


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the time limit of a batch, unless a test sets one."""
    monkeypatch.setattr("service.workers.batcher.BATCH_S", 1000.0)


def ask(
    batcher: "Batcher[str, int, int]",
    number: int,
    *,
    key: str = "a",
    within: float = SOON,
    caller: str | None = None,
) -> "asyncio.Task[tuple[int, float]]":
    return asyncio.create_task(batcher.run(key, number, deadline=time.monotonic() + within, caller=caller))


async def held(batcher: "Batcher[str, int, int]", work: Doubling) -> "asyncio.Task[tuple[int, float]]":
    """Starts a batch that computes until `work.open` is set."""
    work.open.clear()
    first = ask(batcher, 0)
    assert await asyncio.to_thread(work.entered.wait, 10)
    return first


async def waiting(batcher: "Batcher[str, int, int]", count: int) -> None:
    while batcher.depth < count:
        await asyncio.sleep(0.001)


def test_waiting_items_share_the_next_batch_in_order() -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        others = [ask(batcher, number) for number in range(1, 7)]
        await waiting(batcher, 6)
        assert batcher.busy_s > 0
        work.open.set()
        assert [(await each)[0] for each in (first, *others)] == [0, 2, 4, 6, 8, 10, 12]
        while batcher.busy_s:  # the worker becomes free a moment after its callers get their outputs
            await asyncio.sleep(0.001)
        assert batcher.seconds(10) > 0

    assert run(scenario).passes == [[0], [1, 2, 3, 4], [5, 6]]


def test_only_items_of_one_key_share_a_batch_oldest_first() -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        others = [ask(batcher, number, key=key) for number, key in enumerate("baabba", start=1)]
        await waiting(batcher, 6)
        work.open.set()
        await asyncio.gather(first, *others)

    assert run(scenario).passes == [[0], [1, 4, 5], [2, 3, 6]]


def test_callers_take_turns() -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        greedy = [ask(batcher, number, caller="greedy") for number in range(1, 7)]
        others = [ask(batcher, 11, caller="shopper"), ask(batcher, 12, caller="shopper"), ask(batcher, 21, caller="b")]
        await waiting(batcher, 9)
        work.open.set()
        await asyncio.gather(first, *greedy, *others)

    assert run(scenario, most=3).passes == [[0], [1, 11, 21], [2, 12, 3], [4, 5, 6]]


def test_a_failing_item_fails_alone() -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        others = [ask(batcher, number) for number in (1, -2, 3)]
        await waiting(batcher, 3)
        work.open.set()
        one, two, three = await asyncio.gather(*others, return_exceptions=True)
        assert isinstance(one, tuple) and isinstance(three, tuple)
        assert (one[0], three[0]) == (2, 6)
        assert isinstance(two, ValueError) and str(two) == "of a: -2"
        await first
        assert (await ask(batcher, 4))[0] == 8

    assert run(scenario).passes == [[0], [1, -2, 3], [1], [-2], [3], [4]]


def test_cancelled_and_late_items_are_not_computed() -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        left, late, there = ask(batcher, 1), ask(batcher, 2, within=LATE), ask(batcher, 3)
        await waiting(batcher, 2)
        left.cancel()
        await asyncio.sleep(0)
        work.open.set()
        assert (await there)[0] == 6
        with pytest.raises(DeadlineExceeded):
            await late
        await first

    assert run(scenario).passes == [[0], [3]]


def test_while_workers_hang_items_time_out_and_leave_the_queue() -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        with pytest.raises(DeadlineExceeded):
            await ask(batcher, 1, within=0.05)
        left = ask(batcher, 2)
        await waiting(batcher, 1)
        left.cancel()
        while batcher.depth:
            await asyncio.sleep(0.001)
        work.open.set()
        await first

    assert run(scenario).passes == [[0]]


def test_a_slow_model_gets_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        others = [ask(batcher, number) for number in range(1, 7)]
        await waiting(batcher, 6)
        await asyncio.sleep(0.02)  # the time of one item
        monkeypatch.setattr("service.workers.batcher.BATCH_S", 0.01)
        work.open.set()
        assert [(await each)[0] for each in (first, *others)] == [0, 2, 4, 6, 8, 10, 12]

    assert run(scenario).passes[:2] == [[0], [1]]


def test_at_the_end_all_items_are_answered_and_no_more_accepted() -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        first = await held(batcher, work)
        other = ask(batcher, 1)
        await waiting(batcher, 1)
        ending = asyncio.create_task(batcher.__aexit__(None, None, None))
        await asyncio.sleep(0.02)
        with pytest.raises(NotReady):
            await ask(batcher, 2)
        work.open.set()
        await ending
        assert [(await first)[0], (await other)[0]] == [0, 2]

    run(scenario)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(-2, 50)), max_size=60), st.integers(1, 5), st.integers(1, 3)
)
@settings(deadline=None, max_examples=40)
def test_every_item_gets_its_own_output(items: list[tuple[str, int]], most: int, workers: int) -> None:
    async def scenario(batcher: "Batcher[str, int, int]", work: Doubling) -> None:
        tasks = [ask(batcher, number, key=key) for key, number in items]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for (_, number), answer in zip(items, answers, strict=True):
            if number < 0:
                assert isinstance(answer, ValueError) and str(number) in str(answer)
            else:
                assert isinstance(answer, tuple) and answer[0] == 2 * number

    work = run(scenario, workers=workers, most=most)
    assert all(len(each) <= most for each in work.passes)


def test_an_error_of_one_item_is_its_own_and_nothing_is_computed_twice() -> None:
    batches: list[int] = []

    def work(key: str, items: Sequence[int]) -> list[int | Exception]:
        batches.append(len(items))
        return [DeadlineExceeded("late") if item == 1 else -item for item in items]

    async def whole() -> list[object]:
        batcher: Batcher[str, int, int] = Batcher("test", work, workers=1, max_batch=8, on_batch=lambda *_: None)
        async with batcher:
            later = time.monotonic() + SOON
            runs = [batcher.run("a", item, deadline=later) for item in range(4)]
            outcomes = await asyncio.gather(*runs, return_exceptions=True)
        return [each if isinstance(each, BaseException) else each[0] for each in outcomes]

    first, late, *others = asyncio.run(whole())
    assert isinstance(late, DeadlineExceeded) and [first, *others] == [0, -2, -3]
    assert sum(batches) == 4
