"""Fetches the images that changes of items name by URL: before the changes are made, and within limits of the call."""

import asyncio
from collections.abc import Iterator

from models.errors import LikebutError
from service.errors import BodyTooLarge
from service.http.item_changes import Draft, Drafts
from service.images.download import ImageDownloader, Unfetchable

FETCHES = 8  # images of one call fetched at the same time
CALL_S = 30.0  # for all images of one call: it holds a permit that others need


class FetchLimit:
    """Bytes and seconds that the images of one call may take."""

    def __init__(self, *, max_bytes: int, within_s: float = CALL_S) -> None:
        """The time begins now."""
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + within_s
        self._within_s = within_s
        self._max_bytes = max_bytes
        self._bytes = 0  # fetched

    async def fetch(self, draft: Draft, downloader: ImageDownloader | None) -> Draft:
        """Return the change with the images that it names by URL; raises Unfetchable, Overloaded and BodyTooLarge."""
        if not draft.urls:
            return draft
        assert downloader is not None  # or the URLs had been refused
        images: dict[int, bytes] = {}
        for number, url in draft.urls.items():
            if self._clock() >= self._end:
                raise Unfetchable(url, f"the call took its {self._within_s:g} s for images: send the item again")
            if self._bytes >= self._max_bytes:
                raise BodyTooLarge(
                    f"the images of this call have more than {self._max_bytes} bytes: send the item in another call"
                )
            images[number] = await downloader.fetch(url)
            self._bytes += len(images[number])
        return draft.with_images(images)


async def fetch_all(
    drafts: Drafts, downloader: ImageDownloader | None, *, max_bytes: int, within_s: float = CALL_S
) -> None:
    """Fetches the images of many changes into them, up to `max_bytes` in all; each that fails has its problem."""
    limit = FetchLimit(max_bytes=max_bytes, within_s=within_s)

    async def fetch_some(numbers: Iterator[int]) -> None:
        for number in numbers:
            try:
                drafts.drafts[number] = await limit.fetch(drafts.drafts[number], downloader)
            except LikebutError as error:
                drafts.problems[number] = error

    remaining = iter([number for number, draft in drafts.drafts.items() if draft.urls])
    async with asyncio.TaskGroup() as group:
        for _ in range(FETCHES):
            group.create_task(fetch_some(remaining))
