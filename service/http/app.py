"""The HTTP face: which path answers what. Everything that computes lies below it."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Query as Parameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match, Route

from models.errors import GalleryBroken, GalleryError, LikebutError
from service import errors
from service.auth import guard
from service.http import admin, body, openapi
from service.http import gallery as gallery_pages
from service.http import site as web_site
from service.http.head_requests import HeadAsGet
from service.http.host_check import HostCheck
from service.http.state import AppState, AppStateDep, app_state
from service.jobs.watcher import GalleryWatcher
from service.schemas import search as search_schemas
from service.search.query import Query, Stopwatch
from service.settings import Settings
from service.telemetry.json_logs import RequestLog
from service.workers.pool import Permit
from service.workers.threads import background_task

LOG = logging.getLogger("likebut")
MAX_THUMBNAIL_PX = 1024
READ_ELSEWHERE = ("X-Request-Id", "Server-Timing", "Retry-After", "Location")  # headers that pages elsewhere may read
PICTURE_CACHE = "private, max-age=3600, must-revalidate"


def create_app(settings: Settings) -> FastAPI:
    """The app, its keys read, its bundle opened and tested; raises ConfigError, BundleMissing and BundleBroken.

    A gallery that is missing or was made by another model leaves it not ready, so that a rebuild can mend it.
    """
    gates = guard.Guard(settings)  # first, since the bundle takes longer
    service = AppState(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, service.tracing.close)
            await stack.enter_async_context(service.pictures)
            if service.remote is not None:
                await stack.enter_async_context(service.remote)
            await stack.enter_async_context(service.elsewhere)
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
            follower = GalleryWatcher(service.searcher, service.jobs, settings)
            await stack.enter_async_context(background_task(follower.run(), name="likebut-follow"))
            await stack.enter_async_context(background_task(service.prober.run(), name="likebut-probe"))
            yield

    app = FastAPI(
        lifespan=lifespan,
        telemetry=service.tracing.config,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # nobody is sent to an address made of what the request says of its host
    )
    app.state.service = service
    app.state.gate = gates
    for router in (routes, admin.routes, site, health):
        app.include_router(router)
    app.add_exception_handler(LikebutError, _ours)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(HeadAsGet)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "X-API-Key", "X-Request-Id", "traceparent"),
            expose_headers=READ_ELSEWHERE,
        )
    if settings.keys is None:
        app.add_middleware(HostCheck, metrics=service.metrics)
    app.add_middleware(RequestLog, metrics=service.metrics, tracing=service.tracing, prober=service.prober)
    return app


routes = APIRouter(dependencies=[guard.SEARCH])
site = APIRouter(dependencies=[guard.OPEN])
health = APIRouter()  # no key, at every port


def description(examples: openapi.Examples) -> dict[str, JsonValue]:
    """The OpenAPI document of all routes."""
    return openapi.document([*routes.routes, *admin.routes.routes, *health.routes], examples)


@routes.post(
    "/search", operation_id="search", tags=["search"], summary="Find what is like a picture, but …",
    openapi_extra={"requestBody": openapi.SEARCH_BODY}, response_model=search_schemas.SearchAnswer,
)  # fmt: skip
async def search(request: Request, service: AppStateDep) -> Response:
    """An image (uploaded, in base64, or an item of the gallery), a text, or both; as JSON or as a form."""
    watch = Stopwatch()
    request.state.took_ms = watch.took_ms  # for the log, also when the search fails
    with service.searcher.place() as place:  # first, so that an overload is answered before any body is read
        guard.spend(request, searches=1)
        posted = await body.search_body(request, service.settings)
        parse = functools.partial(body.query, posted, service.settings)
        try:
            search = service.searcher.search(parse, place=place, watch=watch, fetch=service.elsewhere.fetch)
            found = await body.unless_left(request, search)
        finally:
            service.metrics.stages(watch.took_ms)
    timing = ", ".join(f"{stage};dur={ms}" for stage, ms in found.took_ms.items())
    return Response(
        to_json(search_schemas.answer(found)), media_type="application/json", headers={"Server-Timing": timing}
    )


@routes.post(
    "/searches", operation_id="searches", tags=["search"], summary="Several searches in one call",
    openapi_extra={"requestBody": openapi.SEARCHES_BODY}, response_model=search_schemas.SearchesAnswer,
)  # fmt: skip
async def searches(request: Request, service: AppStateDep) -> Response:
    """Each search has an answer of its own, in their order; each counts as one wherever searches are counted."""
    with service.searcher.place() as place:
        posted = await body.sent(request, max_bytes=body.searches_bytes(service.settings))
        most = min(service.settings.max_searches, service.searcher.capacity)
        asked = await place.run(functools.partial(body.searches, posted, most=most))
        service.searcher.widen(place, len(asked))
        guard.spend(request, searches=len(asked))
        ways = [functools.partial(body.one_of_many, each, service.settings) for each in asked]
        all_of_them = _all([_one(way, place, request, service) for way in ways])
        answers = await body.unless_left(request, all_of_them)
    return Response(to_json({"answers": answers}), media_type="application/json")


async def _all(searches: Sequence[Coroutine[None, None, dict[str, object]]]) -> list[dict[str, object]]:
    return await asyncio.gather(*searches)


async def _one(parse: Callable[[], Query], place: Permit, request: Request, service: AppState) -> dict[str, object]:
    watch = Stopwatch()
    try:
        fetch = service.elsewhere.fetch
        return search_schemas.answer(await service.searcher.search(parse, place=place, watch=watch, fetch=fetch))
    except LikebutError as error:
        service.metrics.rejected.labels(errors.reason(error)).inc()
        return errors.facts(error, request_id=request.state.request_id)
    except Exception:  # a bug of ours hurts no neighbour either
        LOG.exception("a search of several failed", extra={"facts": {"request_id": request.state.request_id}})
        return errors.unexpected(request_id=request.state.request_id)
    finally:
        service.metrics.stages(watch.took_ms)


@routes.get("/browse", operation_id="browse", tags=["gallery"], summary="Look around without a query")
async def browse(
    service: AppStateDep,
    offset: Annotated[int, Parameter(ge=0)] = 0,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 24,
) -> search_schemas.BrowseAnswer:
    """A page of the gallery in a mixed order that stays the same for a snapshot."""
    gallery = service.searcher.live()
    items = [search_schemas.item(found) for found in gallery_pages.page(gallery, offset=offset, limit=limit)]
    return search_schemas.BrowseAnswer(items=items, total=len(gallery), offset=offset, snapshot=gallery.manifest.name)


@routes.get("/items/{id:path}", operation_id="getItem", tags=["gallery"], summary="One item")
async def item(id: str, service: AppStateDep) -> search_schemas.ItemAnswer:
    """The item's attributes and where its picture is; an id may hold slashes."""
    return search_schemas.item(service.searcher.live().item(id))


@routes.get(
    "/images/{id:path}", operation_id="getItemImage", tags=["gallery"], summary="An item's picture",
    response_class=Response,
    responses={200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}},
)  # fmt: skip
async def image(
    request: Request,
    id: str,
    service: AppStateDep,
    size: Annotated[int | None, Parameter(ge=16, le=MAX_THUMBNAIL_PX)] = None,
) -> Response:
    """The file, or a JPEG at most `size` pixels wide and high."""
    found = service.searcher.live().item(id)
    picture = await service.pictures.run(functools.partial(service.album.picture, found, size=size))
    etag = web_site.entity_tag(picture.data)
    return web_site.send(request, picture.data, media_type=picture.media_type, etag=etag, cache_control=PICTURE_CACHE)


@routes.get("/limits", operation_id="getLimits", tags=["search"], summary="What a search may ask for")
async def limits(service: AppStateDep) -> search_schemas.Limits:
    """The most and the largest that is accepted."""
    return search_schemas.Limits.model_validate(service.settings, from_attributes=True)


@health.get("/livez", operation_id="live", tags=["health"], summary="Is the process alive?")
async def livez() -> dict[str, bool]:
    """Answers as long as the event loop turns."""
    return {"alive": True}


@health.get(
    "/readyz",
    operation_id="ready",
    tags=["health"],
    summary="Can it search?",
    response_model=search_schemas.ReadyAnswer,
)
async def readyz(request: Request, service: AppStateDep) -> Response:
    """As the last of the real searches went that are made every few seconds; 503 with the reasons where it failed."""
    reasons = await service.prober.asked()
    if reasons:
        return errors.answer(errors.NotReady("; ".join(reasons)), request_id=request.state.request_id)
    return JSONResponse({"ready": True, "snapshot": service.searcher.live().manifest.name})


@site.get("/openapi.json", include_in_schema=False)
async def described(request: Request, service: AppStateDep) -> JSONResponse:
    """This interface, described for machines, with examples of what the caller may see of the live gallery."""
    gallery, last_job, caller = (
        service.searcher.serving.gallery,
        service.jobs.last(),
        guard.guard_of(request).caller(request),
    )
    source = gallery.manifest.source if gallery else None
    operates = caller is not None and caller.role == "admin"
    examples = openapi.Examples(
        item=next(iter(gallery_pages.page(gallery, offset=0, limit=1)), None) if gallery and caller else None,
        source=source if source and operates and Path(source).exists() else None,
        job_id=last_job.id if last_job and operates else None,
    )
    return JSONResponse(description(examples))


@site.get("/", include_in_schema=False)
async def shop(request: Request, service: AppStateDep) -> Response:
    """The page."""
    return _asset(request, service, "index.html")


@site.get("/docs", include_in_schema=False)
async def docs(request: Request, service: AppStateDep) -> Response:
    """This interface, described for people."""
    return _asset(request, service, "docs.html")


@site.get("/web/{name}", include_in_schema=False)
async def asset(request: Request, name: str, service: AppStateDep) -> Response:
    """What the two pages load."""
    return _asset(request, service, name)


def _asset(request: Request, service: AppState, name: str) -> Response:
    if name not in service.assets:
        raise HTTPException(404)
    found = service.assets[name]
    return web_site.send(request, found.data, media_type=found.media_type, etag=found.etag, cache_control="no-cache")


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, LikebutError)
    answered = errors.answer(error, request_id=request.state.request_id)
    if answered.status_code != 404:
        app_state(request).metrics.rejected.labels(errors.reason(error)).inc()
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
    for route in (*routes.routes, *admin.routes.routes, *site.routes, *health.routes):
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found | {"HEAD"} if "GET" in found else found)
