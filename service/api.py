"""The HTTP face: which path answers what. Everything that computes lies below it."""

import functools
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from models.errors import GalleryBroken, GalleryError, LikebutError
from service import assortment, errors, openapi, operate, page, receive, wire
from service.follow import Follower
from service.head import Head
from service.logs import Observed
from service.owned import Here, Service, of
from service.searcher import Stopwatch
from service.settings import Settings

LOG = logging.getLogger("likebut")
PROBE_TIMEOUT_S = 5.0
MAX_THUMBNAIL_PX = 1024
ABOUT = "Finds the product that is like this picture, but … Failures are problem details (RFC 9457)."
PICTURE_CACHE = "private, max-age=3600, must-revalidate"


def create_app(settings: Settings) -> FastAPI:
    """The app, its bundle opened and tested; raises BundleMissing or BundleBroken.

    A gallery that is missing or was made by another model leaves it not ready, so that a rebuild can mend it.
    """
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(service.pictures)
            if service.remote is not None:
                await stack.enter_async_context(service.remote)
            await stack.enter_async_context(service.searcher)
            await stack.enter_async_context(service.jobs)
            await stack.enter_async_context(service.writes)
            try:
                await service.searcher.swap(settings.bundle)
            except GalleryBroken as error:
                LOG.error("the gallery is not whole: %s", error)
                try:
                    await service.searcher.salvage(str(error))
                except GalleryError as worse:
                    service.searcher.close(str(worse))
            except GalleryError as error:
                service.searcher.close(str(error))
            await stack.enter_async_context(Follower(service.searcher, service.jobs, settings))
            yield

    app = FastAPI(
        title="Likebut",
        version=metadata.version("likebut"),
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # nobody is sent to an address made of what the request says of its host
    )
    app.state.service = service
    app.include_router(routes)
    app.include_router(operate.routes)
    app.add_exception_handler(LikebutError, _ours)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Head)
    app.add_middleware(Observed, metrics=service.metrics)
    return app


routes = APIRouter()


@routes.post(
    "/search", operation_id="search", tags=["search"], summary="Find what is like a picture, but …",
    openapi_extra={"requestBody": openapi.SEARCH_BODY},
)  # fmt: skip
async def search(request: Request, response: Response, service: Here) -> wire.SearchAnswer:
    """An image (uploaded, in base64, or an item of the gallery), a text, or both; as JSON or as a form."""
    watch = Stopwatch()
    request.state.took_ms = watch.took_ms  # for the log, also when the search fails
    with service.searcher.place() as place:  # first, so that an overload is answered before any body is read
        posted = await receive.search_body(request, service.settings)
        parse = functools.partial(receive.query, posted, service.settings)
        try:
            if service.remote is not None:
                query = await service.remote.parsed(parse, place=place, watch=watch)
                parse = functools.partial(replace, query)
            found = await service.searcher.search(parse, place=place, watch=watch)
        finally:
            service.metrics.stages(watch.took_ms)
    response.headers["Server-Timing"] = ", ".join(f"{stage};dur={ms}" for stage, ms in found.took_ms.items())
    return wire.SearchAnswer(
        hits=[wire.Hit(**wire.item(hit.item).model_dump(), score=round(hit.score, 6)) for hit in found.hits],
        total=found.total,
        facets={
            name: [wire.Count(value=value, count=count) for value, count in counts if value is not None]
            for name, counts in found.facets.items()
        },
        snapshot=found.snapshot,
        model=found.model,
        took_ms=found.took_ms,
        notes=found.notes,
    )


@routes.get("/browse", operation_id="browse", tags=["gallery"], summary="Look around without a query")
async def browse(
    service: Here, offset: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=200)] = 24
) -> wire.Assortment:
    """A page of the gallery in a mixed order that stays the same for a snapshot."""
    gallery = service.searcher.live()
    items = [wire.item(found) for found in assortment.page(gallery, offset=offset, limit=limit)]
    return wire.Assortment(items=items, total=len(gallery), offset=offset, snapshot=gallery.manifest.name)


@routes.get("/items/{id:path}", operation_id="getItem", tags=["gallery"], summary="One item")
async def item(id: str, service: Here) -> wire.Item:
    """The item's attributes and where its picture is; an id may hold slashes."""
    return wire.item(service.searcher.live().item(id))


@routes.get(
    "/images/{id:path}", operation_id="getItemImage", tags=["gallery"], summary="An item's picture",
    response_class=Response,
    responses={200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}},
)  # fmt: skip
async def image(
    request: Request, id: str, service: Here, size: Annotated[int | None, Query(ge=16, le=MAX_THUMBNAIL_PX)] = None
) -> Response:
    """The file, or a JPEG at most `size` pixels wide and high."""
    found = service.searcher.live().item(id)
    picture = await service.pictures.run(functools.partial(service.album.picture, found, size=size))
    etag = page.entity_tag(picture.data)
    return page.send(request, picture.data, media_type=picture.media_type, etag=etag, cache_control=PICTURE_CACHE)


@routes.get("/livez", operation_id="live", tags=["health"], summary="Is the process alive?")
async def livez() -> dict[str, bool]:
    """Answers as long as the event loop turns."""
    return {"alive": True}


@routes.get("/readyz", operation_id="ready", tags=["health"], summary="Can it search?", response_model=wire.Ready)
async def readyz(request: Request, service: Here) -> Response:
    """Encodes and searches once for real; 503 with the reasons where that fails."""
    reasons = await service.searcher.probe(timeout_s=PROBE_TIMEOUT_S)
    if reasons:
        return errors.answer(errors.NotReady("; ".join(reasons)), request_id=request.state.request_id)
    return JSONResponse({"ready": True, "snapshot": service.searcher.live().manifest.name})


@routes.get("/metrics", operation_id="metrics", tags=["health"], summary="Prometheus metrics", response_class=Response)
async def metrics(service: Here) -> Response:
    """Counters, gauges and histograms in Prometheus's text format."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@routes.get("/openapi.json", include_in_schema=False)
async def description(request: Request, service: Here) -> JSONResponse:
    """This interface, described for machines, with examples from the live gallery."""
    gallery, last_job = service.searcher.serving.gallery, service.jobs.last()
    source = gallery.manifest.source if gallery else None
    examples = openapi.Examples(
        item=next(iter(assortment.page(gallery, offset=0, limit=1)), None) if gallery else None,
        source=source if source and Path(source).exists() else None,
        job_id=last_job.id if last_job else None,
    )
    return JSONResponse(openapi.document(request.app, examples))


@routes.get("/", include_in_schema=False)
async def shop(request: Request, service: Here) -> Response:
    """The page."""
    return _asset(request, service, "index.html")


@routes.get("/docs", include_in_schema=False)
async def docs(request: Request, service: Here) -> Response:
    """This interface, described for people."""
    return _asset(request, service, "docs.html")


@routes.get("/web/{name}", include_in_schema=False)
async def asset(request: Request, name: str, service: Here) -> Response:
    """What the two pages load."""
    return _asset(request, service, name)


def _asset(request: Request, service: Service, name: str) -> Response:
    if name not in service.assets:
        raise HTTPException(404)
    found = service.assets[name]
    return page.send(request, found.data, media_type=found.media_type, etag=found.etag, cache_control="no-cache")


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, LikebutError)
    answered = errors.answer(error, request_id=request.state.request_id)
    if answered.status_code != 404:
        of(request).metrics.rejected.labels(errors.reason(error)).inc()
    return answered


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _ours(request, errors.unusable(error.errors()))


async def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {
        404: "there is nothing at this path: /docs lists what there is",
        405: f"{request.method} is not answered at this path",
    }
    detail = said.get(error.status_code, str(error.detail))
    headers = {"Allow": ", ".join(_methods(request))} if error.status_code == 405 else error.headers
    return errors.problem(error.status_code, detail, request_id=request.state.request_id, headers=headers)


def _methods(request: Request) -> list[str]:
    """Every method that is answered at the path: the framework's own answer names those of the first route alone."""
    found: set[str] = set()
    for route in (*routes.routes, *operate.routes.routes):
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found | {"HEAD"} if "GET" in found else found)
