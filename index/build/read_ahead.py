"""Runs the reading of rows ahead of its use: files in their order, and downloads beside them, a few of each host."""

import functools
import os
import queue
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeAlias, TypeVar

READERS = max(2, os.cpu_count() or 1)  # threads that read and decode files while the model computes: it has priority
FETCHERS = 64  # downloads at the same time, so many that some slow hosts leave enough to the others
FETCHERS_OF_HOST = 4
READ_AHEAD = 192  # results of files, and of downloads, that wait for their use

Result = TypeVar("Result")
Task: TypeAlias = tuple[str | None, Callable[[], Result]]


def read_ahead(tasks: Iterable[Task[Result]]) -> Generator[tuple[int, Result], None, None]:
    """Yield the number and the result of each task, and raise its error.

    A task comes with the host that it waits for, "" if that is the disk, or None if it does not wait: it runs when its
    turn comes. Results from the disk come in their order, downloads when they end.
    """
    with (
        ThreadPoolExecutor(READERS, thread_name_prefix="read") as readers,
        ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch") as fetchers,
    ):
        downloads = _Downloads[Result](fetchers)
        waiting: deque[tuple[int, Future[Result]]] = deque()
        try:
            for number, (host, task) in enumerate(tasks):
                if host is None:
                    yield number, task()
                elif host:
                    downloads.add(number, host, task)
                else:
                    waiting.append((number, readers.submit(task)))
                if len(waiting) >= READ_AHEAD:
                    yield _oldest(waiting)
                yield from downloads.ended()
            while waiting:
                yield _oldest(waiting)
                yield from downloads.ended()
            while downloads.open:
                yield downloads.next()
        finally:  # before the threads are joined, which else would run all that is queued
            downloads.cancel()
            for _, future in waiting:
                future.cancel()


def _oldest(waiting: deque[tuple[int, Future[Result]]]) -> tuple[int, Result]:
    number, future = waiting.popleft()
    return number, future.result()


class _Downloads(Generic[Result]):
    """Downloads of many hosts, at most FETCHERS_OF_HOST of each at the same time; used by one thread."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.open = 0  # added, and their results not yet taken
        self._pool = pool
        self._ended: queue.SimpleQueue[tuple[int, Future[Result]]] = queue.SimpleQueue()
        self._lock = threading.Lock()  # of all below, which the threads of the pool change too
        self._held = 0  # started, and their results not yet taken
        self._running: Counter[str] = Counter()
        self._backlog: defaultdict[str, deque[tuple[int, Callable[[], Result]]]] = defaultdict(deque)
        self._stalled: dict[str, None] = {}  # hosts that wait until results are taken

    def add(self, number: int, host: str, task: Callable[[], Result]) -> None:
        """Add a download, to be started when its host and the results that are held allow it."""
        self.open += 1
        with self._lock:
            self._backlog[host].append((number, task))
        self._start(host)

    def ended(self) -> Generator[tuple[int, Result], None, None]:
        """Yield the results that there are now."""
        while not self._ended.empty():
            yield self.next()

    def next(self) -> tuple[int, Result]:
        """Return the next result; waits for it."""
        number, future = self._ended.get()
        self.open -= 1
        with self._lock:
            self._held -= 1
            host = next(iter(self._stalled), None)
            self._stalled.pop(host or "", None)
        if host is not None:
            self._start(host)
        return number, future.result()

    def cancel(self) -> None:
        """Start no further download."""
        with self._lock:
            self._backlog.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, host: str) -> None:
        started: list[tuple[int, Future[Result]]] = []
        with self._lock:
            while (backlog := self._backlog.get(host)) and self._running[host] < FETCHERS_OF_HOST:
                if self._held == READ_AHEAD:
                    self._stalled[host] = None
                    break
                number, task = backlog.popleft()
                self._held += 1
                self._running[host] += 1
                started.append((number, self._pool.submit(task)))
        for number, future in started:  # without the lock, since what has ended calls back at once
            future.add_done_callback(functools.partial(self._end, host, number))

    def _end(self, host: str, number: int, future: Future[Result]) -> None:
        with self._lock:
            self._running[host] -= 1
        self._ended.put((number, future))
        self._start(host)
