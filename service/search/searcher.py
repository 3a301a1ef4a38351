"""The searcher: holds what serves now, and takes a query through decoding, batching, encoding and search."""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.milvus import address
from index.search.deadline import Deadline
from index.search.request import SearchRequest
from models.encoder import Encoder
from models.image_decoders import ImageDecoders
from service.search.active import Active, open_bundle
from service.search.encode import Kind, PreparedQuery
from service.search.query import Answer, NeedsFetch, Query
from service.search.references import MOST_IMAGES, RemoteImage
from service.search.steps import Preparation, SearchSteps, answers
from service.search.stopwatch import Stopwatch
from service.settings import Settings
from service.workers.batcher import Batcher
from service.workers.pool import PUBLIC_SHARE, Permit, Pool
from service.workers.threads import run_in_thread

Result = TypeVar("Result")
Fetch = Callable[[Sequence[RemoteImage], Permit, Stopwatch], Awaitable[list[bytes]]]


@dataclass(frozen=True, slots=True)
class BatchKey:
    """The properties that queries of one batch share; compared by identity, since two models never compare equal."""

    kind: Kind
    reranked: bool  # so that no query waits for the re-ranking of another
    compared: bool  # hits with each other, which may take long
    encoder: Encoder
    gallery: Gallery


class Searcher:
    """Answers queries on the live snapshot, in a bounded pool of threads.

    `serving` is replaced by one assignment; a search uses the same model and snapshot from its start to its end.
    """

    def __init__(self, settings: Settings, decoders: ImageDecoders, on_batch: Callable[[Kind, int], None]) -> None:
        """Opens the bundle of the settings; raises BundleMissing or BundleBroken.

        `on_batch` gets the kind and the size of each batch.
        """
        encoder = open_bundle(settings.bundle, settings, decoders)
        self._decoders = decoders
        self.serving = Active(settings.bundle, encoder, None, reason="no gallery is open yet")
        self.displaced = ""  # why the gallery's folder is not the one that was opened, as the watcher saw it last
        self._settings = settings
        threads = settings.shared(os.cpu_count() or 1)
        self._pool = Pool("search", workers=threads.decoders, max_waiting=_most_waiting(settings))
        self._decode_pool = Pool("decode", workers=threads.decoders, max_waiting=0)  # under the permits of `_pool`
        self._batcher: Batcher[BatchKey, Preparation, Answer | Query] = Batcher(
            "batch",
            lambda key, queries: answers(queries, encoder=key.encoder, gallery=key.gallery),
            workers=threads.batches,
            max_batch=settings.max_batch,
            on_batch=lambda key, size: on_batch(key.kind, size),
        )
        self._probe = Pool("probe", workers=1, max_waiting=8)  # its own, so that load never looks like a failure

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._batcher.__aexit__(kind, error, trace)
        await self._pool.__aexit__(kind, error, trace)
        await self._decode_pool.__aexit__(kind, error, trace)
        await self._probe.__aexit__(kind, error, trace)
        gallery = self.serving.gallery
        self.close("the service has stopped")
        if gallery is not None:
            await asyncio.to_thread(gallery.store.close)

    @property
    def active(self) -> int:
        """Number of searches that compute or wait."""
        return self._pool.active

    @property
    def depth(self) -> int:
        """Number of searches that wait for a batch."""
        return self._batcher.depth

    @property
    def capacity(self) -> int:
        """Number of searches that may compute or wait at once."""
        return self._pool.capacity

    @property
    def busy_s(self) -> float:
        """Seconds since the oldest running batch, or the oldest running decoding of a query, started."""
        return max(self._batcher.busy_s, self._pool.busy_s, self._decode_pool.busy_s)

    def live(self) -> Gallery:
        """Return the snapshot that serves now; raises NotReady if there is none."""
        return self.serving.live()

    def close(self, reason: str) -> None:
        """Refuses all searches from now on, with this reason."""
        self.serving = replace(self.serving, gallery=None, reason=reason)

    async def swap(self, bundle: Path) -> Active:
        """Serves the model in `bundle` with the live snapshot from the next search on.

        Raises what opening either of them raises; then nothing has changed.
        """
        opened = partial(self.serving.model, bundle, self._settings, self._decoders)
        encoder = await asyncio.to_thread(opened)  # not at low priority, since its threads will search
        successor = partial(self.serving.successor, bundle, encoder, self._settings)
        # the threads of Milvus's client keep the priority of who starts them, and every search waits for them
        run = asyncio.to_thread if address.is_milvus(self._settings.gallery) else run_in_thread
        self.serving = await run(successor)
        self.displaced = ""
        return self.serving

    async def salvage(self, reason: str) -> None:
        """Serves the readable part of a damaged snapshot; raises GalleryError if nothing can be read."""
        serving, path = self.serving, self._settings.gallery
        space_id = serving.encoder.manifest.space_id
        gallery = await run_in_thread(partial(Gallery.salvage, path, space_id=space_id))
        self.serving = replace(serving, gallery=gallery, reason=reason)

    def permit(self, caller: str | None = None) -> Permit:
        """Return a permit for one search, to be entered before its body is read; raises Overloaded and NotReady.

        Callers with a name take turns, and one gets only a share of the permits.
        """
        self.live()
        wait_s = self._batcher.seconds(self._pool.active)
        return self._pool.permit(caller=caller, wait_s=wait_s, within_s=self._settings.deadline_s)

    def most_of(self, caller: str | None) -> int:
        """Return how many searches of one caller may compute or wait at once."""
        return self._pool.most_of(caller)

    def widen(self, permit: Permit, more: int) -> None:
        """Makes a permit count for so many more searches; raises Overloaded."""
        wait_s = self._batcher.seconds(self._pool.active + more)
        permit.widen(more, wait_s=wait_s, within_s=self._settings.deadline_s)

    async def search(
        self,
        query: Query | Callable[[], Query],
        *,
        permit: Permit,
        watch: Stopwatch,
        fetch: Fetch | None = None,
        spend: Callable[[int], None] | None = None,
    ) -> Answer:
        """Answers one query; `watch` gets the stages, `fetch` downloads remote images.

        A function that returns the query is called in a thread. Images are read and decoded in other threads than
        bodies are parsed, so that no text waits for an image; a query without one is prepared by the thread of its
        batch. A query with several images takes a permit for each, and `spend` gets how many there are beyond the
        first. Raises what these raise, and DeadlineExceeded if a stage does not start, or the search does not end, in
        time.
        """
        serving = self.serving  # the same until the end, even if another is swapped in
        began = time.perf_counter()
        deadline = time.monotonic() + self._settings.deadline_s
        work_deadline = Deadline(deadline)
        steps = SearchSteps(serving.encoder, serving.live(), self._settings, watch, work_deadline)

        async def run(work: Callable[[], Result], pool: Pool) -> Result:
            since = time.perf_counter()

            def timed() -> Result:
                watch.add("wait", time.perf_counter() - since)
                return work()

            return await permit.run(timed, within_s=deadline - time.monotonic(), pool=pool)

        try:
            if not isinstance(query, Query):
                query = await run(partial(steps.parsed, query), self._pool)
            fetched = await run(partial(steps.fetchable, query), self._pool) if query.names_images else query
            query = fetched.query if isinstance(fetched, NeedsFetch) else fetched
            images = query.decodings
            if images > 1:
                if spend is not None:
                    spend(images - 1)
                self.widen(permit, images - 1)
            if isinstance(fetched, NeedsFetch) and fetch is not None:
                query = query.with_data(fetched.remote, await fetch(fetched.remote, permit, watch))
            key = BatchKey("item" if query.references else "text", False, query.compares, steps.encoder, steps.gallery)
            preparation: Preparation = partial(steps.prepared, query)
            if images:
                ready = await run(partial(steps.decoded, query), self._decode_pool)
                if isinstance(ready, PreparedQuery):
                    key = replace(key, kind=ready.kind, reranked=ready.request.rerank > 0)
                preparation = partial(_as_it_is, ready)
            answer, waited_s = await self._batcher.run(key, preparation, deadline=deadline, caller=permit.caller)
            watch.add("wait", waited_s)
            return await run(partial(steps.listed, answer), self._pool) if isinstance(answer, Query) else answer
        finally:
            work_deadline.end()  # of a caller who left
            watch.add("total", time.perf_counter() - began)

    async def probe(self) -> list[str]:
        """Return why searches fail, empty if they work: runs a real forward pass and a real search.

        There is no time limit here: the caller decides how long one may take.
        """
        encoder, gallery = self.serving.encoder, self.serving.gallery
        if gallery is None:
            return [self.serving.reason]
        side = encoder.manifest.image_size

        def work() -> None:
            white = np.full((1, 3, side, side), 255, dtype=np.uint8)
            gallery.view().search(encoder.gallery(white), [SearchRequest(k=1)])

        try:
            await self._probe.run(work)
        except Exception as error:  # any error means that this process cannot search
            return [f"a trial search failed ({type(error).__name__})"]
        return []


def _most_waiting(settings: Settings) -> int:
    """Return how many searches may wait in one worker: its share, but room for the largest call of any caller."""
    largest = max(settings.max_searches, 2 * MOST_IMAGES)
    return min(settings.max_waiting, max(settings.share(settings.max_waiting), math.ceil(largest / PUBLIC_SHARE)))


def _as_it_is(ready: PreparedQuery | Query, _: GalleryView) -> PreparedQuery | Query:
    return ready
