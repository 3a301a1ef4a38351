"""The routes that show the gallery: browsing, single items, and their images."""

import asyncio
import hashlib
import math
import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from pydantic_core import to_json

from index.gallery import GalleryView
from index.items.items import GalleryItem
from index.search.deadline import Deadline
from index.search.listing import listed
from index.sources import image_bytes
from service.auth import guard
from service.http.item_paths import IMAGE, ITEM
from service.http.state import AppState, AppStateDep, root_path
from service.images.thumbnails import ImageFile
from service.schemas import results
from service.schemas import search as schemas

GOLDEN = (math.sqrt(5) - 1) / 2  # steps of this fraction of the total spread most evenly
MAX_THUMBNAIL_PX = 1024
PAGE_BYTES = 8_000_000  # of items, after which a page ends
IMAGE_CACHE = "private, max-age=3600, must-revalidate"
routes = APIRouter(dependencies=[guard.SEARCH])


@routes.get(
    "/browse", operation_id="browse", tags=["gallery"], summary="Browse the gallery without a query",
    response_model=schemas.BrowseAnswer,
)  # fmt: skip
async def browse(
    request: Request,
    state: AppStateDep,
    offset: Annotated[int, Parameter(ge=0)] = 0,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 24,
) -> Response:
    """Returns a page of the gallery in a mixed order, which stays the same for a snapshot."""

    def work() -> str:
        view = state.searcher.live().view()
        items = [schemas.item(item, root_path=root_path(request)) for item in page(view, offset=offset, limit=limit)]
        answer = schemas.BrowseAnswer(items=items, total=len(view), offset=offset, snapshot=view.manifest.name)
        return answer.model_dump_json()  # FastAPI would validate each item again

    return Response(await asyncio.to_thread(work), media_type="application/json")


@routes.get(
    "/items", operation_id="listItems", tags=["gallery"], summary="List items in the order of their ids",
    response_model=schemas.ItemsPage,
)  # fmt: skip
async def items(
    request: Request,
    state: AppStateDep,
    after: Annotated[str, Parameter(max_length=1024, description="`next` of the page before")] = "",
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
    filter: Annotated[str, Parameter(description="as in a search, as JSON")] = "",
) -> Response:
    """Returns a page of the items that pass the filter; a large page may end before `limit`, so follow `next`.

    An item that exists from the first page to the last is on exactly one of them, whatever changes meanwhile.
    """

    def work() -> bytes:
        deadline = Deadline(time.monotonic() + state.settings.deadline_s)
        conditions = results.json_filter(filter)
        view = state.searcher.live().view()
        found, total = listed(view.rows, conditions, after=after, limit=limit + 1, check=deadline.check)
        parts: list[bytes] = []
        size = 0
        for thing in found[:limit]:
            parts.append(to_json(schemas.item(thing, root_path=root_path(request))))
            size += len(parts[-1])
            if size > PAGE_BYTES:
                break
        following = found[len(parts) - 1].id if len(parts) < len(found) else None
        facts = to_json({"total": total, "next": following, "snapshot": view.manifest.name})
        return b'{"items":[' + b",".join(parts) + b"]," + facts[1:]

    answer = await state.list_pool.run(work, caller=guard.caller_name(request))
    return Response(answer, media_type="application/json")


@routes.get(ITEM, operation_id="getItem", tags=["gallery"], summary="One item")
async def item(request: Request, id: str, state: AppStateDep) -> schemas.ItemAnswer:
    """Returns the attributes of an item and the path of its image; an id may contain slashes."""
    found = await _item(id, state)
    return schemas.item(found, root_path=root_path(request))


@routes.get(
    IMAGE, operation_id="getItemImage", tags=["gallery"], summary="The image of an item",
    response_class=Response,
    responses={200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}},
)  # fmt: skip
async def image(
    request: Request,
    id: str,
    state: AppStateDep,
    size: Annotated[int | None, Parameter(ge=16, le=MAX_THUMBNAIL_PX)] = None,
) -> Response:
    """Returns the image file, or a JPEG of at most `size` pixels in width and height."""
    item = await _item(id, state)

    def work(fetched: bytes | None) -> tuple[ImageFile, str]:
        file = state.thumbnails.image(item, size=size, fetched=fetched)
        # Starlette's own entity tags are made from files, and a thumbnail is none
        return file, f'"{hashlib.sha256(file.data).hexdigest()[:20]}"'

    if image_bytes.host(item.uri):  # fetched before it takes a thread for thumbnails, which a slow host would hold
        async with state.remote_references.fetched(item) as data:
            file, etag = await state.image_pool.run(partial(work, data))
    else:
        file, etag = await state.image_pool.run(partial(work, None))
    headers = {"ETag": etag, "Cache-Control": IMAGE_CACHE}
    if etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.data, media_type=file.media_type, headers=headers)


async def _item(id: str, state: AppState) -> GalleryItem:
    """Return an item, in a thread, because the view may read the journal; raises UnknownItem and NotReady."""
    return await asyncio.to_thread(lambda: state.searcher.live().view().item(id))


def page(view: GalleryView, *, offset: int, limit: int) -> list[GalleryItem]:
    """Return at most `limit` items from `offset` on, in even steps through the gallery; pages do not overlap."""
    living = view.rows.living()
    step = max(1, round(len(living) * GOLDEN))
    while math.gcd(step, len(living)) != 1:  # otherwise some rows would never be visited
        step += 1
    positions = range(min(offset, len(living)), min(offset + limit, len(living)))
    return [view.rows.item(int(living[position * step % len(living)])) for position in positions]
