"""Fetches the images that changes of items name by URL: before the changes are made, and within limits of the call."""

import asyncio
from collections.abc import Iterator

from models.errors import LikebutError
from service.errors import BodyTooLarge
from service.http.item_changes import Draft, Drafts
from service.images.download import ImageDownloader, Unfetchable

FETCHES = 8  # images of one call fetched at the same time
CALL_S = 30.0  # for all images of one call: it holds a permit that others need


async def fetch(draft: Draft, downloader: ImageDownloader | None) -> Draft:
    """Return the change with its image, fetched if it is named by URL; raises Unfetchable and Overloaded."""
    if draft.url is None:
        return draft
    assert downloader is not None  # or the URL had been refused
    return draft.with_image(await downloader.fetch(draft.url))


async def fetch_all(
    drafts: Drafts, downloader: ImageDownloader | None, *, max_bytes: int, within_s: float = CALL_S
) -> None:
    """Fetches the images of many changes into them, up to `max_bytes` in all; each that fails has its problem."""
    clock = asyncio.get_running_loop().time
    end, fetched_bytes = clock() + within_s, 0

    async def fetch_some(numbers: Iterator[int]) -> None:
        nonlocal fetched_bytes
        for number in numbers:
            draft = drafts.drafts[number]
            assert draft.url is not None
            try:
                if clock() >= end:
                    raise Unfetchable(draft.url, f"the call took its {within_s:g} s for images: send the item again")
                if fetched_bytes >= max_bytes:
                    raise BodyTooLarge(
                        f"the images of this call have more than {max_bytes} bytes: send the item in another call"
                    )
                drafts.drafts[number] = fetched = await fetch(draft, downloader)
            except LikebutError as error:
                drafts.problems[number] = error
            else:
                fetched_bytes += fetched.image_bytes

    remaining = iter([number for number, draft in drafts.drafts.items() if draft.url is not None])
    async with asyncio.TaskGroup() as group:
        for _ in range(FETCHES):
            group.create_task(fetch_some(remaining))
