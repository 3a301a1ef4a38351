"""Pictures that are on no disk of this machine, named by URL or an item's: fetched in threads of their own."""

import asyncio
import functools
from types import TracebackType
from typing import Self

from index.items.items import GalleryItem
from models.errors import UnknownItem
from service.images import thumbnails
from service.images.download import ImageDownloader
from service.search.query import NeedsFetch, Stopwatch
from service.workers.pool import Permit, Pool

FETCHES, WAITING = 8, 24  # pictures fetched at once, and searches that may wait for one
TIMEOUT_S = 2 * thumbnails.FETCH_TIMEOUT_S  # with the wait, and with a name that is slow to resolve


class RemoteReferences:
    """Fetches what searches need: a slow host keeps its own searches waiting, and no others."""

    def __init__(self, remote: ImageDownloader | None, *, max_bytes: int, timeout_s: float = TIMEOUT_S) -> None:
        """`remote` fetches what callers name; None where they may not."""
        self._remote = remote
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._pool = Pool("item fetch", workers=FETCHES, max_waiting=WAITING)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def fetch(self, away: NeedsFetch, place: Permit, watch: Stopwatch) -> bytes:
        """The picture's file, while the search's place is free for others.

        Raises UnknownItem for an item's that did not come in time, what `Remote.fetch` raises, and Overloaded.
        """
        with watch.stage("fetch"), place.aside():
            if away.item is not None:
                return await self._of(away.item)
            assert self._remote is not None and away.query.image_url is not None  # or the URL had been refused
            return await self._remote.fetch(away.query.image_url)

    async def _of(self, item: GalleryItem) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._pool.run(functools.partial(thumbnails.read, item, max_bytes=self._max_bytes))
        except TimeoutError as error:
            raise UnknownItem(f"the picture of item {item.id!r} did not come in time: try again") from error
