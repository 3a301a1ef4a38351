"""A bounded pool of named threads that coroutines hand their computing to."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from service.errors import Overloaded

Result = TypeVar("Result")
END_S = 10.0  # for what still computes when the pool ends


class Pool:
    """`workers` threads; at most `max_waiting` more pieces of work may wait, the next is refused at once."""

    def __init__(self, name: str, *, workers: int, max_waiting: int) -> None:
        self.name = name
        self.active = 0  # places taken; only touched from the event loop
        self._room = workers + max_waiting
        self._threads = futures.ThreadPoolExecutor(workers, thread_name_prefix=f"likebut-{name}")
        self._computing: set[futures.Future[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        # in a thread, since waiting here would stop the event loop and with it every other end
        await asyncio.to_thread(futures.wait, list(self._computing), timeout=END_S)

    def place(self) -> "Place":
        """A place for one piece of work, to be entered; raises Overloaded when none is free."""
        if self.active >= self._room:
            raise Overloaded(
                f"{self.active} {self.name} requests are under way and no more may wait: try again", retry_after_s=1
            )
        return Place(self)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` gives, computed in a thread; raises Overloaded when no more may wait."""
        with self.place() as place:
            return await place.run(work)

    def take(self) -> None:
        """Counts one place as taken."""
        self.active += 1

    def leave(self) -> None:
        """Counts one place as free."""
        self.active -= 1

    def submit(self, work: Callable[[], None]) -> futures.Future[None]:
        """Hands `work` to the threads."""
        future = self._threads.submit(work)
        self._computing.add(future)
        future.add_done_callback(self._computing.discard)
        return future


class Place:
    """One place in a pool: free again when it is left and what was run in it has ended."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._future: futures.Future[None] | None = None

    def __enter__(self) -> Self:
        self._pool.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._future is None or self._future.done():
            self._pool.leave()
            return
        loop = asyncio.get_running_loop()

        def left(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._pool.leave)

        self._future.add_done_callback(left)  # the caller has gone, but the thread still computes

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Another may have the place while one is inside; it is there again afterwards, whatever is taken then."""
        self._pool.leave()
        try:
            yield
        finally:
            self._pool.take()

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` gives, computed in one of the pool's threads."""
        results: list[Result] = []
        self._future = self._pool.submit(lambda: results.append(work()))
        await asyncio.wrap_future(self._future)
        return results[0]
