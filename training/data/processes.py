"""Work handed to processes and taken back in order, with only so much of it ahead of who asks."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from models.errors import InputError

AHEAD = 2  # tasks for each process that are done or under way before their turn

Result = TypeVar("Result")


def in_order(tasks: Iterable[Callable[[], Result]], *, workers: int) -> Iterator[Result]:
    """The result of each task, in the order of the tasks; without workers they are done here.

    Tasks are made one by one as they are handed out. What a task raises is raised in its turn; InputError also if a
    process was killed.
    """
    if workers == 0:
        yield from (task() for task in tasks)
        return
    # Spawned, not forked: the parent may hold threads of other libraries, and a GPU.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    ahead: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            ahead.append(pool.submit(task))
            if len(ahead) == AHEAD * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process that loads data was killed, mostly for want of memory: ask for fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """An interrupt is the parent's to handle, and a process does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # the executor's own queue never tells a process that its parent was killed
