"""Bounded thread pools: coroutines take a permit, then run their computing in a thread."""

import asyncio
import math
import threading
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from types import TracebackType
from typing import Any, Self, TypeVar

from service.errors import NotReady, Overloaded
from service.workers.thread_job import ThreadJob
from service.workers.threads import RunningWork, lower_priority

Result = TypeVar("Result")
END_S = 10.0  # for running work when the pool ends
PUBLIC = "callers without a key"  # one caller to a pool, however many they are
PUBLIC_SHARE = 0.5  # of the permits, at most


class Turns:
    """Numbers that order what waits: the first of each caller comes before the second of any."""

    def __init__(self) -> None:
        self._now = 0  # the turn that began last
        self._last: dict[str | None, int] = {}  # of each caller that waits, or waited a moment ago

    def next(self, caller: str | None) -> int:
        """Return the turn of the next thing of this caller."""
        turn = self._last[caller] = max(self._now, self._last.get(caller, 0)) + 1
        return turn

    def begin(self, turn: int, *, waiting: int) -> None:
        """Begins a turn, while so many things wait."""
        self._now = max(self._now, turn)
        if not waiting:
            self._last.clear()


class Pool:
    """`workers` threads with a queue; at most `max_waiting` more permits are given, the next is refused at once.

    One caller (a key, or a host that images come from) gets at most a `share` of the permits, so that others still get
    some; callers without a key together get at most half of them. Callers take turns: the first waiting work of each
    runs before the second of any. All works of one caller together leave one thread to others, if there are several.
    """

    def __init__(self, name: str, *, workers: int, max_waiting: int, share: float = 0.75) -> None:
        self.name = name
        self.active = 0  # permits in use; only changed by the event loop
        self.capacity = workers + max_waiting
        self._most_of_one = math.ceil(self.capacity * share)  # permits of one caller that has a name
        self._most_of_public = math.ceil(self.capacity * PUBLIC_SHARE)
        self._active_of: Counter[str] = Counter()  # permits in use by callers that have a name
        self._workers = workers
        self._running = RunningWork()
        self._change = threading.Condition()  # of what follows
        self._ended = False
        self._threads: list[threading.Thread] = []  # started as they are needed
        self._idle = 0  # threads that wait and have not been notified
        self._waiting: list[_QueuedWork] = []  # in the order of their turns
        self._turns = Turns()
        self._running_of: Counter[str | None] = Counter()
        self._most_running = max(1, workers - 1)  # of one caller that has a name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancels what waits, and waits for running work."""
        with self._change:
            self._ended = True
            self._change.notify_all()
            waiting, self._waiting = self._waiting, []
        for work in waiting:
            work.job.abandon()
        until = time.monotonic() + END_S
        for thread in self._threads:  # in a thread, because other work needs the event loop to end
            await asyncio.to_thread(thread.join, max(0.0, until - time.monotonic()))

    @property
    def busy_s(self) -> float:
        """Seconds since the oldest running work started; 0 if none runs."""
        return self._running.busy_s

    def permit(self, *, caller: str | None = None, wait_s: float = 0.0, within_s: float = math.inf) -> "Permit":
        """Return a permit for one piece of work; it counts while it is entered.

        Raises Overloaded if no permit is free for the caller, or if the estimated `wait_s` is longer than `within_s`.
        """
        self.check(1, caller=caller, wait_s=wait_s, within_s=within_s)
        return Permit(self, caller)

    def check(self, items: int, *, caller: str | None, wait_s: float = 0.0, within_s: float = math.inf) -> None:
        """Raises Overloaded if so many more permits cannot be given to this caller."""
        retry_after_s = max(1, math.ceil(wait_s))
        if self.active + items > self.capacity or wait_s > within_s:
            detail = f"the service is overloaded, with {self.active} {self.name} requests at once: retry later"
            raise Overloaded(detail, retry_after_s=retry_after_s)
        if caller is not None and self._active_of[caller] + items > self.most_of(caller):
            have = "have" if caller == PUBLIC else "has"
            detail = (
                f"{caller} {have} {self._active_of[caller]} {self.name} requests at once: retry when some have ended"
            )
            raise Overloaded(detail, retry_after_s=retry_after_s)

    def most_of(self, caller: str | None) -> int:
        """Return how many permits this caller may use at once; without a name, all."""
        if caller is None:
            return self.capacity
        return min(self._most_of_public, self._most_of_one) if caller == PUBLIC else self._most_of_one

    async def run(self, work: Callable[[], Result], *, caller: str | None = None) -> Result:
        """Return the result of `work`, computed in a thread; raises Overloaded if no permit is free for the caller."""
        with self.permit(caller=caller) as permit:
            return await permit.run(work)

    def take(self, items: int, caller: str | None) -> None:
        """Counts so many permits as used by a caller; a negative number gives them back."""
        self.active += items
        if caller is not None:
            self._active_of[caller] += items
            if not self._active_of[caller]:
                del self._active_of[caller]

    def submit(self, work: Callable[[], Result], caller: str | None = None) -> ThreadJob[Result]:
        """Queues `work` for the threads; raises NotReady at the end of the service."""
        job: ThreadJob[Result] = ThreadJob()
        with self._change:
            if self._ended:
                raise NotReady("the service is stopping: retry on another instance")
            insort(self._waiting, _QueuedWork(self._turns.next(caller), caller, work, job), key=attrgetter("turn"))
            if self._idle:
                self._idle -= 1
                self._change.notify()
            elif len(self._threads) < self._workers:
                name = f"likebut-{self.name}-{len(self._threads)}"
                thread = threading.Thread(target=self._serve, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return job

    def _serve(self) -> None:
        lower_priority()
        while (work := self._next()) is not None:
            try:
                with self._running.track():
                    result = work.run()
            except BaseException as error:
                work.job.fail(error)
            else:
                work.job.succeed(result)
                del result
            finally:
                with self._change:
                    self._running_of[work.caller] -= 1
                    if not self._running_of[work.caller]:
                        del self._running_of[work.caller]
            del work  # or an idle thread would keep it in memory

    def _next(self) -> "_QueuedWork | None":
        """Return the first work that may run now as soon as there is one, and count it as running; None at the end."""
        with self._change:
            while not self._ended:
                if (work := self._pop()) is not None:
                    return work
                self._idle += 1
                self._change.wait()
        return None

    def _pop(self) -> "_QueuedWork | None":
        self._waiting = [work for work in self._waiting if not work.job.is_cancelled]
        for place, work in enumerate(self._waiting):
            if work.caller is not None and self._running_of[work.caller] >= self._most_running:
                continue
            if work.job.start():
                del self._waiting[place]
                self._turns.begin(work.turn, waiting=len(self._waiting))
                self._running_of[work.caller] += 1
                return work
        return None


@dataclass(frozen=True, slots=True)
class _QueuedWork:
    turn: int
    caller: str | None
    run: Callable[[], Any]
    job: ThreadJob[Any]


class Permit:
    """Permission for work in a pool; free again when it is left and the work that runs in it has ended."""

    def __init__(self, pool: Pool, caller: str | None) -> None:
        self.caller = caller
        self._pool = pool
        self._items = 1
        self._computing: list[ThreadJob[Any]] = []

    def __enter__(self) -> Self:
        self._pool.take(self._items, self.caller)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = [job for job in self._computing if not job.cancel() and not job.has_ended]
        self._pool.take(len(running) - self._items, self.caller)
        for job in running:
            job.when_ended(lambda: self._pool.take(-1, self.caller))  # the caller has left, but the thread computes

    def widen(self, more: int, *, wait_s: float, within_s: float) -> None:
        """Makes this permit count for so many more items; raises Overloaded as `Pool.permit` does."""
        self._pool.check(more, caller=self.caller, wait_s=wait_s, within_s=within_s)
        self._pool.take(more, self.caller)
        self._items += more

    @contextmanager
    def released(self) -> Iterator[None]:
        """Gives the permit back while the caller waits for something else; takes it again after that in any case."""
        self._pool.take(-1, self.caller)
        try:
            yield
        finally:
            self._pool.take(1, self.caller)

    async def run(
        self, work: Callable[[], Result], *, within_s: float | None = None, pool: Pool | None = None
    ) -> Result:
        """Return the result of `work`, computed in a thread; raises DeadlineExceeded if it has not started in time.

        The thread may be one of another `pool`, so that other work of this one does not wait behind it.
        """
        self._computing = [job for job in self._computing if not job.has_ended]
        job = (pool or self._pool).submit(work, self.caller)
        self._computing.append(job)
        return await job.result(within_s=within_s)
