"""What runs beside the requests, or in threads of its own, so that it ends with the service and a hang can be told."""

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
LAST = 15  # of what no caller waits for


@asynccontextmanager
async def background_task(work: Coroutine[None, None, None], *, name: str) -> AsyncIterator[None]:
    """Runs `work` as a task until this is left."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def run_in_thread(work: Callable[[], Result]) -> Result:
    """What `work` gives, computed in a thread that lets the searches go first, as do all threads that it begins."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="likebut-apart", initializer=partial(lower_priority, LAST))
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
    finally:
        thread.shutdown(wait=False)


def lower_priority(by: int = NICER) -> None:
    """Has the calling thread compute after the event loop, so that a refusal is quick while all cores compute.

    `by` as Linux counts priorities; threads that it begins have its own.
    """
    if sys.platform == "linux":  # elsewhere a priority is the whole process's
        priority = os.getpriority(os.PRIO_PROCESS, 0) + by
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), priority)


class RunningWork:
    """What threads are computing now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: dict[object, float] = {}  # of time.monotonic

    @contextmanager
    def noted(self) -> Iterator[None]:
        """What is inside is running."""
        one = object()
        with self._lock:
            self._began[one] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._began[one]

    @property
    def busy_s(self) -> float:
        """How long the oldest has been running; 0 where nothing runs."""
        with self._lock:
            began = min(self._began.values(), default=None)
        return 0.0 if began is None else time.monotonic() - began
