"""Readiness: a real search every few seconds; the readiness probe reports the last result."""

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from index.gallery import Gallery
from service.search.searcher import Searcher

TRIALS = 3  # started within `stale_after_s`: one slow trial must not look like one that hangs
WAIT_S = 0.1  # between two looks
LOG = logging.getLogger("likebut")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of one trial search."""

    gallery: weakref.ref[Gallery]  # weak, because a swapped-out gallery must be freed
    reasons: Sequence[str]  # why it failed; empty if it worked
    ended: float  # of time.monotonic


class ReadinessProbe:
    """Runs trial searches as long as it runs.

    A trial has no time limit: while one hangs, the last result becomes stale, as it does if this task dies.
    """

    def __init__(self, searcher: Searcher, *, stale_after_s: float) -> None:
        self.draining = False
        self._searcher = searcher
        self._stale_after_s = stale_after_s
        self._every_s = stale_after_s / TRIALS
        self._last: ProbeResult | None = None
        self._lock = asyncio.Lock()  # one trial at a time, for any number of probes

    async def run(self) -> None:
        """Runs one trial after the other, without end."""
        while True:
            async with self._lock:
                await self._try()
            await asyncio.sleep(self._every_s)

    def drain(self) -> None:
        """Reports not ready from now on; searches that still arrive are answered."""
        self.draining = True

    @property
    def reasons(self) -> list[str]:
        """Reasons why this instance is not ready, from the last trial; empty if it is ready."""
        serving, last, busy_s = self._searcher.serving, self._last, self._searcher.busy_s
        if self.draining:
            return ["the service is stopping: use another instance"]
        if serving.gallery is None:
            return [serving.reason]
        if self._searcher.displaced:
            return [self._searcher.displaced]
        if last is None:
            return ["no trial search has finished yet"]
        age_s = time.monotonic() - last.ended
        if age_s > self._stale_after_s:
            return [f"the last trial search finished {age_s:.0f} s ago: the model or the index hangs"]
        if busy_s > self._stale_after_s:
            return [f"a batch of the model or a decoding has been running for {busy_s:.0f} s: its worker hangs"]
        return list(last.reasons)

    async def current_reasons(self) -> list[str]:
        """Return `reasons`; if the gallery was swapped since the last trial, first runs a trial on the new one."""
        if not self._tried():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._try_once(), self._every_s)
            if not self._tried() and not self.reasons:
                return ["the new snapshot has not answered a trial search yet"]
        return self.reasons

    async def wait(self, within_s: float) -> Sequence[str]:
        """Return () as soon as this instance is ready, or after so many seconds the reasons why it is not."""
        end_s = time.monotonic() + within_s
        while (reasons := await self.current_reasons()) and time.monotonic() < end_s:
            await asyncio.sleep(WAIT_S)
        return reasons

    def _tried(self) -> bool:
        gallery = self._searcher.serving.gallery
        return gallery is None or (self._last is not None and self._last.gallery() is gallery)

    async def _try_once(self) -> None:
        async with self._lock:
            if not self._tried():  # another probe may have done it while this one waited
                await self._try()

    async def _try(self) -> None:
        gallery = self._searcher.serving.gallery
        if gallery is None:
            return  # `reasons` has the cause
        reasons = await self._searcher.probe()
        before = [] if self._last is None else self._last.reasons
        self._last = ProbeResult(weakref.ref(gallery), reasons, time.monotonic())
        if reasons and list(before) != reasons:
            LOG.warning("not ready: %s", "; ".join(reasons))
        elif before and not reasons:
            LOG.info("ready again")
