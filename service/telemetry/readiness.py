"""Readiness that tells the truth: a real search every few seconds, whose last outcome answers whoever asks."""

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from index.gallery import Gallery
from service.search.searcher import Searcher

TRIALS = 3  # begun before the last one counts as stale: one that is slow must not look like one that hangs
LOG = logging.getLogger("likebut")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One trial search that ended."""

    tried: weakref.ref[Gallery]  # and no more than that, since it would keep a model that was swapped out
    reasons: Sequence[str]  # why it could not search; none where it could
    ended: float  # of time.monotonic


class ReadinessProbe:
    """Tries what serves again and again, as long as it runs.

    A trial has no time limit of its own: one that hangs leaves the last outcome to grow old, as a dead loop does.
    """

    def __init__(self, searcher: Searcher, *, stale_after_s: float) -> None:
        self.draining = False
        self._searcher = searcher
        self._stale_after_s = stale_after_s
        self._every_s = stale_after_s / TRIALS
        self._last: ProbeResult | None = None
        self._one = asyncio.Lock()  # one trial at a time, however many ask

    async def run(self) -> None:
        """Tries one after the other, without end."""
        while True:
            async with self._one:
                await self._try()
            await asyncio.sleep(self._every_s)

    def drain(self) -> None:
        """Says from now on that no search should be sent here; those that come are answered."""
        self.draining = True

    @property
    def reasons(self) -> list[str]:
        """Why no search should be sent here now, by what is known already; empty where one may be."""
        serving, last, busy_s = self._searcher.serving, self._last, self._searcher.busy_s
        if self.draining:
            return ["the service is ending: ask another instance"]
        if serving.gallery is None:
            return [serving.reason]
        if last is None:
            return ["no trial search has ended yet"]
        age_s = time.monotonic() - last.ended
        if age_s > self._stale_after_s:
            return [f"the last trial search ended {age_s:.0f} s ago: the model or the index hangs"]
        if busy_s > self._stale_after_s:
            return [f"a pass of the model or a decoding has been running for {busy_s:.0f} s: its worker hangs"]
        return list(last.reasons)

    async def asked(self) -> list[str]:
        """As `reasons`, but what has been swapped in since the last trial is tried first."""
        if not self._tried():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._try_once(), self._every_s)
            if not self._tried() and not self.reasons:
                return ["what was just swapped in has not answered a trial search yet"]
        return self.reasons

    def _tried(self) -> bool:
        gallery = self._searcher.serving.gallery
        return gallery is None or (self._last is not None and self._last.tried() is gallery)

    async def _try_once(self) -> None:
        async with self._one:
            if not self._tried():  # while this waited, it may have been
                await self._try()

    async def _try(self) -> None:
        gallery = self._searcher.serving.gallery
        if gallery is None:
            return  # which says why by itself
        reasons = await self._searcher.probe()
        before = [] if self._last is None else self._last.reasons
        self._last = ProbeResult(weakref.ref(gallery), reasons, time.monotonic())
        if reasons and list(before) != reasons:
            LOG.warning("not ready: %s", "; ".join(reasons))
        elif before and not reasons:
            LOG.info("ready again")
