"""The routes that show the gallery: browsing, single items, and their images."""

import asyncio
import hashlib
import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from pydantic_core import to_json

from index.items.items import GalleryItem
from index.search.deadline import Deadline
from index.search.listing import listed
from index.search.request import SearchRequest
from index.sources import image_bytes
from index.sources.image_cells import MAX_IMAGES
from service.auth import guard
from service.http.item_paths import IMAGE, ITEM
from service.http.state import AppState, AppStateDep, root_path
from service.images.thumbnails import ImageFile
from service.schemas import browse as browse_schemas
from service.schemas import results
from service.schemas import search as schemas

MAX_THUMBNAIL_PX = 1024
PAGE_BYTES = 8_000_000  # of items, after which a page ends
IMAGE_CACHE = "private, max-age=3600, must-revalidate"
routes = APIRouter(dependencies=[guard.SEARCH])


@routes.get(
    "/browse", operation_id="browse", tags=["gallery"], summary="Browse the gallery without a query",
    response_model=browse_schemas.BrowseAnswer,
)  # fmt: skip
async def browse(
    request: Request,
    state: AppStateDep,
    offset: Annotated[int, Parameter(ge=0)] = 0,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 24,
    filter: Annotated[str, Parameter(description="as in a search, as JSON")] = "",
    sort: Annotated[str, Parameter(description="as in a search, as JSON, without `score`")] = "",
    last: Annotated[str, Parameter(description="as in a search, as JSON")] = "",
    facets: Annotated[str, Parameter(description="as in a search, as JSON")] = "",
) -> Response:
    """Returns a page of the items that pass the filter, sorted, or in a mixed order that stays for a snapshot."""

    def work() -> bytes:
        deadline = Deadline(time.monotonic() + state.settings.deadline_s)
        wanted = results.parameters(sort=sort, last=last, facets=facets)
        browsed = SearchRequest(
            k=limit,
            offset=offset,
            filter=results.json_filter(filter),
            facets=tuple(results.facet_limits(wanted)),
            facet_limits=results.facet_limits(wanted),
            order=results.order(wanted),
            deadline=deadline,
        )
        view = state.searcher.live().view()
        return to_json(
            browse_schemas.browse_answer(view.browse(browsed), view.manifest.name, offset, root_path(request))
        )

    answer = await state.list_pool.run(work, caller=guard.caller_name(request))
    return Response(answer, media_type="application/json")


@routes.get(
    "/attributes", operation_id="listAttributes", tags=["gallery"], summary="The attributes of the items",
    response_model=browse_schemas.AttributesAnswer,
)  # fmt: skip
async def attributes(request: Request, state: AppStateDep) -> Response:
    """Returns the attributes that items have, their types and numbers of values: what a search may filter and sort by.

    An attribute that no item has any more is left out.
    """

    def work() -> bytes:
        deadline = Deadline(time.monotonic() + state.settings.deadline_s)
        view = state.searcher.live().view()
        return to_json(browse_schemas.attributes_answer(view.attributes(deadline.check), view))

    answer = await state.list_pool.run(work, caller=guard.caller_name(request))
    return Response(answer, media_type="application/json")


@routes.get(
    "/items", operation_id="listItems", tags=["gallery"], summary="List items in the order of their ids",
    response_model=browse_schemas.ItemsPage,
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
    image: Annotated[int, Parameter(ge=0, lt=MAX_IMAGES, description="number of the image; 0 is the first")] = 0,
) -> Response:
    """Returns the image file, or a JPEG of at most `size` pixels in width and height."""
    item = (await _item(id, state)).with_image(image)

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
