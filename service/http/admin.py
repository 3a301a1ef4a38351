"""The HTTP face for those who run a shop: rebuilds, snapshots, and items put and deleted while searches go on."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response

from index.edits import Put
from index.storage import snapshot
from index.storage.changes import Delete
from models.errors import LikebutError
from service import errors
from service.auth import guard
from service.http import body as bodies
from service.http import openapi
from service.http.state import AppState, AppStateDep
from service.schemas import gallery as gallery_schemas
from service.schemas import search

routes = APIRouter(dependencies=[guard.ADMIN])


@routes.get("/metrics", operation_id="metrics", tags=["health"], summary="Prometheus metrics", response_class=Response)
async def metrics(service: AppStateDep) -> Response:
    """Counters, gauges and histograms in Prometheus's text format."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@routes.post(
    "/index", operation_id="startIndexJob", tags=["gallery"], status_code=202,
    summary="Rebuild the gallery, also with another model",
    responses={202: {"headers": {"Location": {"description": "the job's path", "schema": {"type": "string"}}}}},
    openapi_extra={"requestBody": openapi.INDEX_BODY},
)  # fmt: skip
async def rebuild(request: Request, response: Response, service: AppStateDep) -> gallery_schemas.JobAccepted:
    """Starts a job that builds a new snapshot, with another model where `bundle` names one; searches go on.

    Model and snapshot are swapped together as soon as the snapshot is complete: every search is answered by the old
    two or by the new two. A job that fails changes nothing of what answers.
    """
    job = await service.jobs.start(await bodies.json_body(request, gallery_schemas.IndexBody))
    response.headers["Location"] = f"/index/jobs/{job.id}"
    return gallery_schemas.JobAccepted(job=job.id)


@routes.get("/index/jobs/{id}", operation_id="getIndexJob", tags=["gallery"], summary="How far a rebuild is")
async def job(id: str, service: AppStateDep) -> gallery_schemas.Job:
    """The job's state and progress."""
    return service.jobs.get(id)


@routes.delete("/index/jobs/{id}", operation_id="cancelIndexJob", tags=["gallery"], summary="End a job")
async def cancel(id: str, service: AppStateDep) -> gallery_schemas.Job:
    """Ends the job if it is under way; what answers stays as it is, and what was embedded is kept for the next."""
    return await service.jobs.cancel(id)


@routes.get("/index", operation_id="getGallery", tags=["gallery"], summary="The live snapshot")
async def live(service: AppStateDep) -> gallery_schemas.LiveGallery:
    """Facts of the snapshot and the model that answer now, and the last job."""
    serving = service.searcher.serving
    gallery, model = serving.gallery, serving.encoder.manifest
    facts = gallery.manifest if gallery is not None else None
    return gallery_schemas.LiveGallery(
        snapshot=facts.name if facts else None,
        items=len(gallery) if gallery is not None else 0,
        model=model.model_id,
        created=facts.created.isoformat() if facts else None,
        changes=gallery.changes if gallery is not None else 0,
        kept=[manifest.name for manifest in await asyncio.to_thread(snapshot.kept_snapshots, service.settings.gallery)],
        missing_shards=list(gallery.missing) if gallery is not None else [],
        form=facts.form if facts else None,
        recall_at_10=facts.recall_at_10 if facts else None,
        shards=len(facts.shards) if facts else None,
        dimension=facts.dimension if facts else None,
        space=model.space_id,
        last_job=service.jobs.last(),
    )


@routes.put(
    "/items/{id:path}", operation_id="putItem", tags=["gallery"], summary="Add or change an item",
    openapi_extra={"requestBody": openapi.ITEM_BODY},
)  # fmt: skip
async def put(request: Request, id: Annotated[str, Path(max_length=1024)], service: AppStateDep) -> search.ItemAnswer:
    """The item is durable and searchable when this is answered; without an image it keeps the picture that it has."""
    with service.writes.place() as place:
        posted = await bodies.sent(request, max_bytes=bodies.base64_bytes(service.settings.max_image_bytes))
        (problem,) = await place.run(
            lambda: service.change([_put(id, bodies.parsed(gallery_schemas.ItemBody, posted), service)])
        )
    if problem is not None:
        raise problem
    return search.item(service.searcher.live().item(id))


@routes.delete(
    "/items/{id:path}", operation_id="deleteItem", tags=["gallery"], status_code=204, summary="Delete an item"
)
async def delete(id: str, service: AppStateDep) -> Response:
    """The item is gone, durably and from every search, when this is answered."""
    (problem,) = await service.writes.run(lambda: service.change([Delete(id)]))
    if problem is not None:
        raise problem
    return Response(status_code=204)


@routes.post(
    "/items", operation_id="changeItems", tags=["gallery"], summary="Add, change and delete many items",
    openapi_extra={"requestBody": openapi.ITEMS_BODY},
)  # fmt: skip
async def change(request: Request, service: AppStateDep) -> gallery_schemas.ItemsAnswer:
    """Each change has an answer of its own, in their order; one that fails hurts no other."""
    with service.writes.place() as place:
        posted = await bodies.sent(request, max_bytes=service.settings.max_bulk_bytes)
        return await place.run(lambda: _changed(service, bodies.parsed(gallery_schemas.ItemsBody, posted)))


def _changed(service: AppState, body: gallery_schemas.ItemsBody) -> gallery_schemas.ItemsAnswer:
    wanted: list[Put | Delete] = []
    unread: dict[int, LikebutError] = {}
    for number, each in enumerate(body.items):
        try:
            wanted.append(Delete(each.id) if each.delete else _put(each.id, each, service))
        except LikebutError as error:
            unread[number] = error
    told = iter(service.change(wanted))
    results = []
    for number, each in enumerate(body.items):
        problem = unread[number] if number in unread else next(told)
        status: Literal["put", "deleted", "failed"] = "deleted" if each.delete else "put"
        if problem is not None:
            status = "failed"
        detail = None if problem is None else str(problem)
        results.append(gallery_schemas.ItemResult(id=each.id, status=status, detail=detail))
    return gallery_schemas.ItemsAnswer(results=results)


def _put(id: str, body: gallery_schemas.ItemBody, service: AppState) -> Put:
    if not id:
        raise errors.Unusable("the id is empty: name the item", fields=[{"field": "id", "detail": "empty"}])
    data = None if body.image is None else body.image.data()
    if data is not None and len(data) > service.settings.max_image_bytes:
        raise errors.BodyTooLarge(
            f"the image has {len(data)} bytes, more than {service.settings.max_image_bytes}: send a smaller one"
        )
    return Put(id, data, search.known(body.attributes))
