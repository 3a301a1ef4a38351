"""One piece of work that a coroutine waits for and a thread does."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from models.errors import DeadlineExceeded

Result = TypeVar("Result")


class ThreadJob(Generic[Result]):
    """A result that one coroutine awaits and one thread provides: started or cancelled, whichever comes first.

    Made in the event loop. It does less than a `concurrent.futures.Future` wrapped for asyncio, and so costs less.
    """

    def __init__(self) -> None:
        self.is_cancelled = False
        self.has_ended = False  # as the event loop knows
        self._loop = asyncio.get_running_loop()
        self._result: asyncio.Future[Result] = self._loop.create_future()
        self._claim = threading.Lock()  # taken once, by the thread that starts the job or by who cancels it
        self._on_end: list[Callable[[], None]] = []

    def start(self) -> bool:
        """Return whether the calling thread shall do the work; False if the job was cancelled."""
        return self._claim.acquire(blocking=False)

    def cancel(self) -> bool:
        """Return whether the work never starts; work that has started goes on."""
        if self._claim.acquire(blocking=False):
            self.is_cancelled = True
        return self.is_cancelled

    def succeed(self, result: Result) -> None:
        """Gives the result; from the thread that did the work."""
        self._tell(lambda: self._result.set_result(result))

    def fail(self, error: BaseException) -> None:
        """Gives an error in place of the result; from any thread."""
        self._tell(lambda: self._result.set_exception(error))

    def abandon(self) -> None:
        """Cancels the job together with the coroutine that awaits it, at the end of the service."""
        if self.cancel():
            self._result.cancel()

    def when_ended(self, call: Callable[[], None]) -> None:
        """Calls this in the event loop when the work that has started ends."""
        self._on_end.append(call)

    async def result(self, *, within_s: float | None = None) -> Result:
        """Return the result; raises its error, and DeadlineExceeded if the work has not started in time.

        If the awaiting coroutine is cancelled, work that has not started is cancelled, too.
        """
        timer = None if within_s is None else self._loop.call_later(max(0.0, within_s), self._expire)
        try:
            return await self._result
        finally:
            if timer is not None:
                timer.cancel()
            self.cancel()

    def _tell(self, outcome: Callable[[], None]) -> None:
        def end() -> None:
            self.has_ended = True
            if not self._result.done():  # else the caller has left
                outcome()
            for call in self._on_end:
                call()

        with suppress(RuntimeError):  # the loop is closed: no coroutine is left
            self._loop.call_soon_threadsafe(end)

    def _expire(self) -> None:
        if self.cancel() and not self._result.done():
            self._result.set_exception(DeadlineExceeded("no worker became free before the deadline: retry later"))
