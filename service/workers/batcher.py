"""Dynamic batching: groups the requests that wait at the same time into one forward pass.

A free worker takes what is queued at once, so a single request never waits for others; under load the batches fill by
themselves. The batch size is limited so that a batch ends soon: a model that is slow for one item gains little from a
large batch. Only items with the same key share a batch. Callers take turns: the first item of each is computed before
the second of any.
"""

import asyncio
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from statistics import median
from types import TracebackType
from typing import Generic, Self, TypeVar

from service.errors import NotReady
from service.workers.pool import Turns
from service.workers.thread_job import ThreadJob
from service.workers.threads import RunningWork, lower_priority

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Output = TypeVar("Output")

RECENT = 15  # batches for the median time of an item: one that hung must not change the estimate
BATCH_S = 0.25  # target duration of a batch of more than one item, estimated from the recent batches
END_S = 10.0  # for running batches when the batcher ends


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Key, Item, Output]):
    key: Key
    item: Item
    since: float  # of time.monotonic
    turn: int
    job: "ThreadJob[tuple[Output, float]]" = field(default_factory=ThreadJob)


class Batcher(Generic[Key, Item, Output]):
    """Runs `work` in `workers` threads, on up to `max_batch` items of one key at a time, by turns.

    `work` returns one output, or one error, for each item, in order. If it raises, its items are retried one by one,
    and only those that fail alone get an error. The caller must limit how many items wait.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Key, Sequence[Item]], Sequence[Output | Exception]],
        *,
        workers: int,
        max_batch: int,
        on_batch: Callable[[Key, int], None],
    ) -> None:
        """`on_batch` gets the key and the size of each batch before it runs."""
        self._work, self._max_batch, self._on_batch = work, max_batch, on_batch
        self._queue: deque[_Waiting[Key, Item, Output]] = deque()  # in the order of their turns
        self._turns = Turns()
        self._change = threading.Condition()
        self._ended = False
        self._running = RunningWork()
        self._item_s: deque[float] = deque(maxlen=RECENT)  # seconds per item, with all workers busy
        self._threads = [
            threading.Thread(target=self._serve, name=f"likebut-{name}-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def depth(self) -> int:
        """Number of items that wait for a batch."""
        return len(self._queue)

    @property
    def busy_s(self) -> float:
        """Seconds since the oldest running batch started; 0 if none runs."""
        return self._running.busy_s

    def seconds(self, items: int) -> float:
        """Return an estimate of how long so many items take."""
        with self._change:
            return items * median(self._item_s or (0.0,))

    async def run(self, key: Key, item: Item, *, deadline: float, caller: str | None = None) -> tuple[Output, float]:
        """Return the output for an item, and the seconds that it waited for its batch.

        If the caller is cancelled while the item waits, the item leaves the queue. `deadline` is of time.monotonic.
        Raises DeadlineExceeded if no batch started before it, NotReady at the end of the service, and the error that
        `work` raises for this item alone.
        """
        with self._change:
            if self._ended:
                raise NotReady("the service is stopping: retry on another instance")
            waiting: _Waiting[Key, Item, Output] = _Waiting(key, item, time.monotonic(), self._turns.next(caller))
            insort(self._queue, waiting, key=attrgetter("turn"))
            self._change.notify()
        try:
            return await waiting.job.result(within_s=deadline - time.monotonic())
        finally:
            if waiting.job.is_cancelled:  # frees its memory now, even if all workers hang
                with self._change, suppress(ValueError):
                    self._queue.remove(waiting)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Accepts no more items, waits for running batches, and answers the queued items with NotReady."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        until = time.monotonic() + END_S
        for thread in self._threads:
            await asyncio.to_thread(thread.join, max(0.0, until - time.monotonic()))
        with self._change:
            left, self._queue = list(self._queue), deque()
        for waiting in left:
            if waiting.job.start():
                waiting.job.fail(NotReady("the service is stopping: retry on another instance"))

    def _serve(self) -> None:
        lower_priority()
        while batch := self._next():
            self._answer(batch)

    def _next(self) -> "list[_Waiting[Key, Item, Output]]":
        """Return the next batch as soon as an item waits; an empty list at the end."""
        with self._change:
            while True:
                if batch := self._pop_batch():
                    return batch
                if self._ended:
                    return []
                self._change.wait()

    def _pop_batch(self) -> "list[_Waiting[Key, Item, Output]]":
        """Return the first item with the next ones of its key; cancelled items are dropped."""
        size = self._batch_size()
        batch: list[_Waiting[Key, Item, Output]] = []
        others: deque[_Waiting[Key, Item, Output]] = deque()
        while self._queue and len(batch) < size:
            waiting = self._queue.popleft()
            if batch and waiting.key != batch[0].key:
                others.append(waiting)
            elif waiting.job.start():
                batch.append(waiting)
        others.extend(self._queue)
        self._queue = others
        if batch:
            self._turns.begin(batch[0].turn, waiting=len(others))
        if others:
            self._change.notify()  # for another worker
        return batch

    def _batch_size(self) -> int:
        """Return how many items the next batch may have."""
        item_s = len(self._threads) * median(self._item_s or (0.0,))
        return self._max_batch if item_s * self._max_batch <= BATCH_S else max(1, int(BATCH_S / item_s))

    def _answer(self, batch: "Sequence[_Waiting[Key, Item, Output]]") -> None:
        began = time.monotonic()
        try:
            self._on_batch(batch[0].key, len(batch))
            with self._running.track():
                outputs = self._work(batch[0].key, [waiting.item for waiting in batch])
            answered = list(zip(batch, outputs, strict=True))
        except BaseException as error:  # the worker must live on, and every caller needs an answer
            if len(batch) == 1:
                batch[0].job.fail(error)
            else:
                for waiting in batch:
                    self._answer([waiting])
        else:
            for waiting, output in answered:
                if isinstance(output, Exception):
                    waiting.job.fail(output)
                else:
                    waiting.job.succeed((output, began - waiting.since))
        finally:
            ended = time.monotonic()
            with self._change:
                self._item_s.append((ended - began) / len(batch) / len(self._threads))
