"""A bounded pool of named threads that coroutines hand their computing to."""

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from service.errors import DeadlineExceeded, Overloaded
from service.workers.threads import RunningWork, lower_priority

Result = TypeVar("Result")
END_S = 10.0  # for what still computes when the pool ends


async def result_or_deadline(future: "futures.Future[Result]", *, within_s: float | None) -> Result:
    """What the future gives; raises DeadlineExceeded where it has not begun by then. Who leaves cancels it."""
    wrapped = asyncio.wrap_future(future)
    try:
        await asyncio.wait((wrapped,), timeout=None if within_s is None else max(0.0, within_s))
        if not wrapped.done() and future.cancel():
            raise DeadlineExceeded("nothing was free to begin with it in time: try again")
        return await wrapped
    finally:
        future.cancel()  # what has not begun never will; what has ended is as it is
        wrapped.cancel()


class Pool:
    """`workers` threads; at most `max_waiting` more pieces of work may wait, the next is refused at once."""

    def __init__(self, name: str, *, workers: int, max_waiting: int) -> None:
        self.name = name
        self.active = 0  # places taken; only touched from the event loop
        self.room = workers + max_waiting
        self._threads = futures.ThreadPoolExecutor(
            workers, thread_name_prefix=f"likebut-{name}", initializer=lower_priority
        )
        self._computing: set[futures.Future[None]] = set()
        self._running = RunningWork()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        # in a thread, since waiting here would stop the event loop and with it every other end
        await asyncio.to_thread(futures.wait, list(self._computing), timeout=END_S)

    @property
    def busy_s(self) -> float:
        """How long the oldest piece of work that runs has been running; 0 where none runs."""
        return self._running.busy_s

    def place(self, *, wait_s: float = 0.0, within_s: float = math.inf) -> "Permit":
        """A place for one piece of work, to be entered.

        Raises Overloaded when none is free, or when the wait of about `wait_s` is longer than it may be.
        """
        self.check(1, wait_s=wait_s, within_s=within_s)
        return Permit(self)

    def check(self, items: int, *, wait_s: float = 0.0, within_s: float = math.inf) -> None:
        """Raises Overloaded where so many more have no place."""
        if self.active + items > self.room or wait_s > within_s:
            raise Overloaded(
                f"{self.active} {self.name} requests are under way and no more may wait: try again",
                retry_after_s=max(1, math.ceil(wait_s)),
            )

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` gives, computed in a thread; raises Overloaded when no more may wait."""
        with self.place() as place:
            return await place.run(work)

    def take(self, items: int) -> None:
        """Counts so many places as taken."""
        self.active += items

    def leave(self, items: int) -> None:
        """Counts so many places as free."""
        self.active -= items

    def submit(self, work: Callable[[], None]) -> futures.Future[None]:
        """Hands `work` to the threads."""
        future = self._threads.submit(self._timed, work)
        self._computing.add(future)
        future.add_done_callback(self._computing.discard)
        return future

    def _timed(self, work: Callable[[], None]) -> None:
        with self._running.noted():
            work()


class Permit:
    """Places in a pool: free again when they are left and what was run in them has ended."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._items = 1
        self._computing: list[futures.Future[None]] = []

    def __enter__(self) -> Self:
        self._pool.take(self._items)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = [future for future in self._computing if not future.done()]
        self._pool.leave(self._items - len(left))
        loop = asyncio.get_running_loop()

        def leave(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._pool.leave, 1)

        for future in left:
            future.add_done_callback(leave)  # the caller has gone, but the thread still computes

    def widen(self, items: int, *, wait_s: float, within_s: float) -> None:
        """Takes places for so many in all, where one was taken; raises Overloaded as `Pool.place` does."""
        self._pool.check(items - self._items, wait_s=wait_s, within_s=within_s)
        self._pool.take(items - self._items)
        self._items = items

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Another may have one place while one is inside; it is there again afterwards, whatever is taken then."""
        self._pool.leave(1)
        try:
            yield
        finally:
            self._pool.take(1)

    async def run(self, work: Callable[[], Result], *, within_s: float | None = None) -> Result:
        """What `work` gives, computed in one of the pool's threads; raises DeadlineExceeded as `begun` does."""
        results: list[Result] = []
        self._computing = [future for future in self._computing if not future.done()]
        future = self._pool.submit(lambda: results.append(work()))
        self._computing.append(future)
        await result_or_deadline(future, within_s=within_s)
        return results[0]
