"""Work of many callers in one pass: whatever waits is taken together, and nobody waits for company.

A worker that is free takes at once what there is, so a lone caller never waits, and under load passes fill by
themselves. A pass is never so large that what comes next would wait long for its end: a model that is slow for one item
gains little from company. Only what has the same key shares a pass.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from types import TracebackType
from typing import Generic, Self, TypeVar

from service.errors import NotReady
from service.workers.pool import result_or_deadline
from service.workers.threads import RunningWork, lower_priority

Key = TypeVar("Key", bound=Hashable)
Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")

RECENT = 15  # passes whose median tells the time of an item: one that hung says nothing of the next
PASS_S = 0.25  # that a pass may take by what items took last, where it has more than one
END_S = 10.0  # for what still computes when the batcher ends


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Key, Wanted, Answer]):
    key: Key
    wanted: Wanted
    since: float  # of time.monotonic
    future: "Future[tuple[Answer, float]]" = field(default_factory=Future)


class Batcher(Generic[Key, Wanted, Answer]):
    """`workers` threads that run `work` on up to `most` items of one key at a time, the oldest first.

    `work` gives an answer for each item in their order. Where it raises, its items are tried one by one, so that only
    those that fail alone get an error. How much may wait is for the caller to bound.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Key, Sequence[Wanted]], Sequence[Answer]],
        *,
        workers: int,
        most: int,
        told: Callable[[Key, int], None],
    ) -> None:
        """`told` hears of each pass its key and its size."""
        self._work, self._most, self._told = work, most, told
        self._waiting: deque[_Waiting[Key, Wanted, Answer]] = deque()
        self._change = threading.Condition()
        self._ended = False
        self._running = RunningWork()
        self._took: deque[float] = deque(maxlen=RECENT)  # seconds that one item took of all workers together
        self._threads = [
            threading.Thread(target=self._serve, name=f"likebut-{name}-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def depth(self) -> int:
        """Items that wait for a pass."""
        return len(self._waiting)

    @property
    def busy_s(self) -> float:
        """How long the oldest pass that runs has been running; 0 where none runs."""
        return self._running.busy_s

    def seconds(self, items: int) -> float:
        """About how long so many items take, by those answered last."""
        with self._change:
            return items * median(self._took or (0.0,))

    async def answer(self, key: Key, wanted: Wanted, *, deadline: float) -> tuple[Answer, float]:
        """The answer, and the seconds that it waited for its pass; a caller that leaves meanwhile costs nothing.

        `deadline` is of time.monotonic. Raises DeadlineExceeded where no pass began before it, NotReady at the end of
        the service, and what `work` raises of this item alone.
        """
        each: _Waiting[Key, Wanted, Answer] = _Waiting(key, wanted, time.monotonic())
        with self._change:
            if self._ended:
                raise NotReady("the service is ending")
            self._waiting.append(each)
            self._change.notify()
        try:
            return await result_or_deadline(each.future, within_s=deadline - time.monotonic())
        finally:
            if each.future.cancelled():  # it is not kept, however long the workers may hang
                with self._change, suppress(ValueError):
                    self._waiting.remove(each)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answers all that wait, and lets nothing more in."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        until = time.monotonic() + END_S
        for thread in self._threads:
            await asyncio.to_thread(thread.join, max(0.0, until - time.monotonic()))
        with self._change:
            left, self._waiting = list(self._waiting), deque()
        for each in left:
            if each.future.set_running_or_notify_cancel():
                each.future.set_exception(NotReady("the service is ending"))

    def _serve(self) -> None:
        lower_priority()
        while batch := self._next():
            self._answer(batch)

    def _next(self) -> "list[_Waiting[Key, Wanted, Answer]]":
        """The next pass, as soon as something waits; empty at the end."""
        with self._change:
            while True:
                if batch := self._taken():
                    return batch
                if self._ended:
                    return []
                self._change.wait()

    def _taken(self) -> "list[_Waiting[Key, Wanted, Answer]]":
        """The oldest item with the next ones of its key; those whose caller left just now go."""
        most = self._size()
        batch: list[_Waiting[Key, Wanted, Answer]] = []
        others: deque[_Waiting[Key, Wanted, Answer]] = deque()
        while self._waiting and len(batch) < most:
            each = self._waiting.popleft()
            if batch and each.key != batch[0].key:
                others.append(each)
            elif each.future.set_running_or_notify_cancel():
                batch.append(each)
        others.extend(self._waiting)
        self._waiting = others
        if others:
            self._change.notify()  # for another worker
        return batch

    def _size(self) -> int:
        """How many items a pass may have now."""
        item_s = len(self._threads) * median(self._took or (0.0,))
        return self._most if item_s * self._most <= PASS_S else max(1, int(PASS_S / item_s))

    def _answer(self, batch: "Sequence[_Waiting[Key, Wanted, Answer]]") -> None:
        began = time.monotonic()
        try:
            self._told(batch[0].key, len(batch))
            with self._running.noted():
                answers = self._work(batch[0].key, [each.wanted for each in batch])
            for each, answer in zip(batch, answers, strict=True):
                each.future.set_result((answer, began - each.since))
        except BaseException as error:  # whatever it is, the worker lives on and its callers are told
            for each in batch:
                if len(batch) == 1:
                    each.future.set_exception(error)
                elif not each.future.done():
                    self._answer([each])
        finally:
            ended = time.monotonic()
            with self._change:
                self._took.append((ended - began) / len(batch) / len(self._threads))
