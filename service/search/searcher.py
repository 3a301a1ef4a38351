"""The searcher: what answers now, and the way of a query through decoding, a pass of the model and the search."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from index.gallery import Gallery
from index.search.request import SearchRequest
from models.encoder import Encoder
from service.search.active import Active, open_bundle
from service.search.query import (
    Answer,
    Kind,
    NeedsFetch,
    PreparedQuery,
    Query,
    Stopwatch,
    answer_batch,
    needs_fetch,
    prepare,
)
from service.settings import Settings
from service.workers.batcher import Batcher
from service.workers.pool import Permit, Pool
from service.workers.threads import run_in_thread

Fetch = Callable[[NeedsFetch, Permit, Stopwatch], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What queries must share to be answered together; by identity, since two models never compare equal."""

    kind: Kind
    reranked: bool  # nobody waits for a re-ranking that another asked for
    encoder: Encoder
    gallery: Gallery


class Searcher:
    """Answers queries on the live snapshot, in a bounded pool of threads.

    `serving` is replaced by one assignment; a search keeps to the model and the snapshot it began with.
    """

    def __init__(self, settings: Settings, told: Callable[[Kind, int], None]) -> None:
        """Opens the settings' bundle, and tells of each pass its size; raises BundleMissing or BundleBroken."""
        encoder = open_bundle(settings.bundle, settings)
        self.serving = Active(settings.bundle, encoder, None, reason="no gallery is open yet")
        self._settings = settings
        threads = settings.shared(os.cpu_count() or 1)
        self._pool = Pool("search", workers=threads.decoders, max_waiting=settings.max_waiting)
        self._batcher: Batcher[BatchKey, PreparedQuery, Answer] = Batcher(
            "pass",
            lambda key, asked: answer_batch(asked, encoder=key.encoder, gallery=key.gallery),
            workers=threads.passes,
            most=settings.max_batch,
            told=lambda key, size: told(key.kind, size),
        )
        self._probe = Pool("probe", workers=1, max_waiting=8)  # its own, so that load never looks like illness

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._batcher.__aexit__(kind, error, trace)
        await self._pool.__aexit__(kind, error, trace)
        await self._probe.__aexit__(kind, error, trace)

    @property
    def active(self) -> int:
        """Searches that compute or wait."""
        return self._pool.active

    @property
    def depth(self) -> int:
        """Searches that wait for a pass of the model."""
        return self._batcher.depth

    @property
    def capacity(self) -> int:
        """Searches that may compute or wait at once."""
        return self._pool.room

    @property
    def busy_s(self) -> float:
        """How long the oldest pass of the model, or the oldest decoding of a query, has been running."""
        return max(self._batcher.busy_s, self._pool.busy_s)

    def live(self) -> Gallery:
        """The snapshot that answers now; raises NotReady where there is none."""
        return self.serving.live()

    def close(self, reason: str) -> None:
        """Lets no search in, and says why."""
        self.serving = replace(self.serving, gallery=None, reason=reason)

    async def swap(self, bundle: Path) -> Active:
        """Lets the model in `bundle` answer with the live snapshot from the next search on.

        Raises what opening either raises; then nothing has changed.
        """
        encoder = await asyncio.to_thread(self.serving.model, bundle, self._settings)  # its threads will search
        self.serving = await run_in_thread(partial(self.serving.successor, bundle, encoder, self._settings))
        return self.serving

    async def salvage(self, reason: str) -> None:
        """Serves what can be read of a damaged snapshot; raises GalleryError where that is nothing."""
        serving, path = self.serving, self._settings.gallery
        space_id = serving.encoder.manifest.space_id
        gallery = await run_in_thread(partial(Gallery.salvage, path, space_id=space_id))
        self.serving = replace(serving, gallery=gallery, reason=reason)

    def place(self) -> Permit:
        """A place for one search, to be taken before its body is read; raises Overloaded and NotReady."""
        self.live()
        return self._pool.place(wait_s=self._batcher.seconds(self._pool.active), within_s=self._settings.deadline_s)

    def widen(self, place: Permit, items: int) -> None:
        """Makes a place one for so many searches; raises Overloaded."""
        wait_s = self._batcher.seconds(self._pool.active + items)
        place.widen(items, wait_s=wait_s, within_s=self._settings.deadline_s)

    async def search(
        self, parse: Callable[[], Query], *, place: Permit, watch: Stopwatch, fetch: Fetch | None = None
    ) -> Answer:
        """Parses one query in a thread and answers it, telling `watch` its stages; `fetch` gets pictures of elsewhere.

        Raises what all of them raise, and DeadlineExceeded where a stage would not begin in time.
        """
        serving = self.serving  # kept until the end, whatever is swapped in meanwhile
        encoder, gallery = serving.encoder, serving.live()
        asked = time.perf_counter()
        deadline = time.monotonic() + self._settings.deadline_s

        def made(query: Query) -> PreparedQuery:
            return prepare(query, encoder=encoder, gallery=gallery, settings=self._settings, watch=watch)

        def work() -> PreparedQuery | NeedsFetch:
            watch.add("wait", time.perf_counter() - asked)
            with watch.stage("decode"):
                query = parse()
            return (None if fetch is None else needs_fetch(query, gallery)) or made(query)

        try:
            each = await place.run(work, within_s=self._settings.deadline_s)
            if isinstance(each, NeedsFetch):
                assert fetch is not None
                query = replace(each.query, image=await fetch(each, place, watch), image_url=None)
                each = await place.run(lambda: made(query), within_s=deadline - time.monotonic())
            key = BatchKey(each.kind, each.want.rerank > 0, encoder, gallery)
            found, waited_s = await self._batcher.answer(key, each, deadline=deadline)
            watch.add("wait", waited_s)
            return found
        finally:
            watch.add("total", time.perf_counter() - asked)

    async def probe(self) -> list[str]:
        """Why searches cannot be answered, empty when they can: by a real forward pass and a real search.

        Ends when these do: how long one may take is for the caller to judge.
        """
        encoder, gallery = self.serving.encoder, self.serving.gallery
        if gallery is None:
            return [self.serving.reason]
        side = encoder.manifest.image_size

        def work() -> None:
            gallery.search(encoder.gallery(np.full((1, 3, side, side), 255, dtype=np.uint8)), [SearchRequest(k=1)])

        try:
            await self._probe.run(work)
        except Exception as error:  # whatever it is, this process cannot search
            return [f"a trial search failed ({type(error).__name__})"]
        return []
