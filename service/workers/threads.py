"""Background tasks, thread priorities, and how long work in threads has been running."""

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")
NICER = 5  # than the event loop
LAST = 15  # for work that no caller waits for


@asynccontextmanager
async def background_task(work: Coroutine[None, None, None], *, name: str) -> AsyncIterator[None]:
    """Runs `work` as a task, and cancels it at the end of the context."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def run_in_thread(work: Callable[[], Result]) -> Result:
    """Return the result of `work`, computed in a thread of low priority; threads that it starts inherit that."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="likebut-low", initializer=partial(lower_priority, LAST))
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
    finally:
        thread.shutdown(wait=False)


def lower_priority(by: int = NICER) -> None:
    """Lowers the priority of the calling thread, so that the event loop refuses quickly while all cores compute.

    `by` is in units of Linux niceness; threads started by this one inherit it.
    """
    if sys.platform == "linux":  # on other systems, a priority belongs to the whole process
        priority = os.getpriority(os.PRIO_PROCESS, 0) + by
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), priority)


class RunningWork:
    """Start times of the work that runs in threads now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: dict[object, float] = {}  # of time.monotonic

    @contextmanager
    def track(self) -> Iterator[None]:
        """Counts the body of the `with` statement as running work."""
        token = object()
        with self._lock:
            self._began[token] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._began[token]

    @property
    def busy_s(self) -> float:
        """Seconds since the oldest running work started; 0 if none runs."""
        with self._lock:
            began = min(self._began.values(), default=None)
        return 0.0 if began is None else time.monotonic() - began
