"""A bounded pool of named threads that coroutines hand their computing to."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from service.errors import Overloaded

Result = TypeVar("Result")


class Pool:
    """`workers` threads; at most `max_waiting` more pieces of work may wait, the next is refused at once."""

    def __init__(self, name: str, *, workers: int, max_waiting: int) -> None:
        self.name = name
        self.active = 0  # pieces of work that compute or wait; only touched from the event loop
        self._room = workers + max_waiting
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=f"likebut-{name}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` gives, computed in a thread; raises Overloaded when no more may wait."""
        if self.active >= self._room:
            raise Overloaded(
                f"{self.active} {self.name} requests are under way and no more may wait: try again", retry_after_s=1
            )
        loop = asyncio.get_running_loop()
        self.active += 1
        future = self._threads.submit(work)

        def left(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._left)

        future.add_done_callback(left)  # when the thread is done, not when the caller has gone: it still computes
        return await asyncio.wrap_future(future)

    def _left(self) -> None:
        self.active -= 1
