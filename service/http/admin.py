"""The admin routes: metrics, index jobs, and changes of items while searches go on."""

import asyncio
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from index import places
from index.edits import Edit
from index.gallery_view import GalleryView
from index.storage import unlike_images
from index.storage.changes import Delete
from service.auth import guard
from service.errors import Forbidden
from service.http import body as bodies
from service.http import item_changes, item_images, openapi, uploaded_tables
from service.http.item_paths import ITEM
from service.http.state import AppState, AppStateDep, root_path
from service.jobs.plan import JobRequest
from service.schemas import gallery as schemas
from service.schemas import search as search_schemas

routes = APIRouter(dependencies=[guard.ADMIN])


@routes.get(
    "/metrics", operation_id="metrics", tags=["health"], summary="Prometheus metrics",
    response_class=PlainTextResponse,
)  # fmt: skip
async def metrics(state: AppStateDep) -> Response:
    """Returns counters, gauges and histograms in the Prometheus text format."""
    return Response(await asyncio.to_thread(state.metrics.text), media_type="text/plain; version=0.0.4; charset=utf-8")


@routes.post(
    "/index", operation_id="startIndexJob", tags=["gallery"], status_code=202, summary="Start an index job",
    responses={202: {"headers": {"Location": {"description": "path of the job", "schema": {"type": "string"}}}}},
    openapi_extra={"requestBody": openapi.INDEX_BODY, "parameters": openapi.INDEX_PARAMETERS},
)  # fmt: skip
async def start_job(
    wanted: Annotated[JobRequest, Depends(uploaded_tables.job_request)],
    request: Request,
    response: Response,
    state: AppStateDep,
) -> schemas.JobAccepted:
    """Starts a job that builds a new snapshot, with another model if `bundle` names one. Searches go on meanwhile.

    Model and snapshot are swapped together when the snapshot is complete, so every search is answered by the old two
    or by the new two. A job that fails changes nothing. A table may be sent itself, as the body: its images are URLs.
    """
    job = await state.jobs.start(wanted)
    response.headers["Location"] = f"{root_path(request)}/index/jobs/{job.id}"
    return schemas.JobAccepted(job=job.id)


@routes.get("/index/jobs/{id}", operation_id="getIndexJob", tags=["gallery"], summary="State of an index job")
async def job(id: str, state: AppStateDep) -> schemas.Job:
    """Returns the state and the progress of a job."""
    return await state.jobs.get(id)


@routes.delete("/index/jobs/{id}", operation_id="cancelIndexJob", tags=["gallery"], summary="Cancel an index job")
async def cancel(id: str, state: AppStateDep) -> schemas.Job:
    """Cancels a job if it is running. The gallery stays as it is; finished embeddings are reused by the next job."""
    return await state.jobs.cancel(id)


@routes.get("/index", operation_id="getGallery", tags=["gallery"], summary="The live snapshot")
async def live(state: AppStateDep) -> schemas.LiveGallery:
    """Returns facts about the live snapshot, the model that searches it, and the last job."""
    serving = state.searcher.serving
    gallery, model = serving.gallery, serving.encoder.manifest
    facts = gallery.manifest if gallery is not None else None
    view = None if gallery is None else await asyncio.to_thread(gallery.view)  # it may read the journal
    return schemas.LiveGallery(
        snapshot=facts.name if facts else None,
        items=0 if view is None else len(view),
        images=0 if view is None else view.rows.image_count(),
        model=model.model_id,
        created=facts.created.isoformat() if facts else None,
        changes=gallery.changes if gallery is not None else 0,
        kept=[manifest.name for manifest in await asyncio.to_thread(places.kept_snapshots, state.settings.gallery)],
        unlike=None if view is None else await asyncio.to_thread(_unlike, view),
        missing_shards=list(gallery.missing) if gallery is not None else [],
        encoding=facts.encoding if facts else None,
        recall_at_10=facts.recall_at_10 if facts else None,
        shards=len(facts.shards) if facts else None,
        dimension=facts.dimension if facts else None,
        space=model.space_id,
        last_job=await state.jobs.last(),
    )


def _unlike(view: GalleryView) -> schemas.UnlikeImages | None:
    """Return the images that the model does not know, with a way out if they are many; reads the vectors of changes."""
    unlike = unlike_images.of_view(view.manifest, view.rows)
    if unlike is None:
        return None
    if not unlike.are_many:
        return schemas.UnlikeImages(share=unlike.share, many=False, advice=None, commands=[])
    source = view.manifest.source
    advice = unlike.advice(view.manifest.model_id, source=source, build='POST /index with {"bundle": "vit-b-32"}')
    return schemas.UnlikeImages(share=unlike.share, many=True, advice=advice, commands=unlike_images.commands(source))


@routes.put(
    ITEM, operation_id="putItem", tags=["gallery"], summary="Add or change an item",
    openapi_extra={"requestBody": openapi.ITEM_BODY},
)  # fmt: skip
async def put(request: Request, id: str, state: AppStateDep) -> search_schemas.ItemAnswer:
    """Adds or replaces an item; without an image, an existing item keeps its images. PATCH keeps its attributes, too.

    Images are sent as base64, as files `image` of a form, or named by URLs whose hosts the operator allows. Those that
    are sent replace all that the item has.
    When this is answered, the item is durable and searchable.
    """
    return await _put(id, request, state, merge=False)


@routes.patch(
    ITEM, operation_id="patchItem", tags=["gallery"], summary="Change some attributes of an item",
    openapi_extra={"requestBody": openapi.PATCH_BODY},
)  # fmt: skip
async def patch(request: Request, id: str, state: AppStateDep) -> search_schemas.ItemAnswer:
    """Merges the attributes into those of an existing item, as a JSON Merge Patch (RFC 7396): null removes one.

    With images, the item gets these and no others. When this is answered, the change is durable and searchable.
    """
    return await _put(id, request, state, merge=True)


@routes.delete(ITEM, operation_id="deleteItem", tags=["gallery"], status_code=204, summary="Delete an item")
async def delete(id: str, state: AppStateDep) -> Response:
    """Deletes an item. When this is answered, the deletion is durable and no search returns the item."""
    (problem,) = await state.edit_pool.run(lambda: state.change([Delete(id)]))
    if problem is not None:
        raise problem
    return Response(status_code=204)


@routes.post(
    "/items", operation_id="changeItems", tags=["gallery"], summary="Add, change and delete many items",
    openapi_extra={"requestBody": openapi.ITEMS_BODY},
)  # fmt: skip
async def change(request: Request, state: AppStateDep) -> schemas.ItemsAnswer:
    """Makes many changes, with one result for each, in the order of the request; a failed change stops no other.

    In a form, `items` are the changes, and each other part is an image file of the item of that id.
    """
    _refuse_foreign_form(request, state)
    with state.edit_pool.permit() as permit:
        limit = state.settings.max_bulk_bytes
        posted = await bodies.json_or_form(request, max_json_bytes=limit, max_form_bytes=limit)
        drafts = await permit.run(partial(item_changes.many, posted, state))
        await item_images.fetch_all(drafts, state.downloader, max_bytes=limit)
        return await permit.run(partial(drafts.apply, state))


def _refuse_foreign_form(request: Request, state: AppState) -> None:
    """Raises Forbidden for a form of a web page of another origin, if the service has no keys.

    A browser sends a form without asking (CORS), unlike JSON or another method than POST.
    """
    origin = request.headers.get("origin")
    if origin is None or state.settings.keys is not None or not bodies.is_form(request):
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden(f"a page of {origin[:100]} may not change items by a form: send JSON, or set keys")


async def _put(id: str, request: Request, state: AppState, *, merge: bool) -> search_schemas.ItemAnswer:
    limit, most = state.settings.max_image_bytes, state.settings.max_bulk_bytes
    with state.edit_pool.permit() as permit:  # first, so that an overload is answered before the body is read
        posted = await bodies.json_or_form(
            request,
            max_json_bytes=max(bodies.base64_bytes(limit), most),
            max_form_bytes=max(limit + bodies.SLACK_BYTES, most),
            media_types=openapi.MERGE_PATCH if merge else ("application/json",),
        )
        draft = await permit.run(partial(item_changes.one, id, posted, state, merge=merge))
        if draft.urls:
            with permit.released():  # a slow host must not keep others from changing items
                draft = await item_images.FetchLimit(max_bytes=most).fetch(draft, state.downloader)
        return await permit.run(partial(_changed, draft.edit, request, state))


def _changed(edit: Edit, request: Request, state: AppState) -> search_schemas.ItemAnswer:
    (problem,) = state.change([edit])
    if problem is not None:
        raise problem
    item = state.searcher.live().view().item(edit.id)
    return search_schemas.item(item, root_path=root_path(request))
