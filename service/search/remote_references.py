"""Fetches reference images that are not on local disk, in a thread pool in which each host has only a share."""

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from index.items.items import GalleryItem
from models.errors import LateImage
from service.images import thumbnails
from service.images.download import HOST_SHARE, ImageDownloader
from service.images.url_policy import host_name
from service.search.references import RemoteImage
from service.search.stopwatch import Stopwatch
from service.workers.pool import Permit, Pool

FETCHES = 64  # images of items fetched at the same time
TIMEOUT_S = 2 * thumbnails.FETCH_TIMEOUT_S  # with the wait for a thread, and with a name that is slow to resolve


class RemoteReferences:
    """Fetches the images that searches need: a slow host delays its own searches only."""

    def __init__(
        self, downloader: ImageDownloader | None, *, max_bytes: int, private_hosts: bool, timeout_s: float = TIMEOUT_S
    ) -> None:
        """`downloader` fetches images that callers name by URL; None if URLs are disabled.

        With `private_hosts`, images of items may be at private addresses.
        """
        self._downloader = downloader
        self._private_hosts = private_hosts
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._pool = Pool("item fetch", workers=FETCHES, max_waiting=0, share=HOST_SHARE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def fetch(self, remote: Sequence[RemoteImage], permit: Permit, watch: Stopwatch) -> list[bytes]:
        """Fetch the image files side by side, with the permit of the search released in the meantime.

        Raises UnreachableImage and UnknownItem for the image of an item, Unfetchable for a URL, and Overloaded.
        """
        with watch.stage("fetch"), permit.released():
            tasks = [asyncio.ensure_future(self._fetch(image)) for image in remote]
            try:
                return await asyncio.gather(*tasks)
            finally:
                for task in tasks:  # of which one may have failed
                    task.cancel()

    async def _fetch(self, image: RemoteImage) -> bytes:
        if image.item is not None:
            async with self.fetched(image.item) as data:
                return data
        assert self._downloader is not None and image.url is not None  # or the URL had been refused
        return await self._downloader.fetch(image.url)

    @asynccontextmanager
    async def fetched(self, item: GalleryItem) -> AsyncIterator[bytes]:
        """Yield the image file of an item; raises UnreachableImage, UnknownItem and Overloaded.

        Until the end it counts as one of the FETCHES, so that no more files than these are in memory.
        """
        read = functools.partial(thumbnails.read, item, max_bytes=self._max_bytes, private_hosts=self._private_hosts)
        with self._pool.permit(caller=host_name(item.uri)) as permit:
            try:
                async with asyncio.timeout(self._timeout_s):
                    data = await permit.run(read)
            except TimeoutError as error:
                raise LateImage(
                    f"the image of item {item.id!r} did not come in time: try again, or search with the item alone"
                ) from error
            yield data
