"""The application: its routes, middleware and error handlers, and the start and end of all it owns."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from pydantic import JsonValue
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from models.errors import GalleryBroken, GalleryError
from service.auth.guard import Guard
from service.http import admin, error_handlers, gallery, health, middleware, openapi, search, site, storefront
from service.http.direct_search import DirectSearch
from service.http.state import AppState
from service.jobs.remote_jobs import JobSocket
from service.jobs.watcher import GalleryWatcher
from service.settings import Settings
from service.shared_folder import WorkerRole
from service.telemetry.request_log import RequestLog
from service.workers.threads import background_task

LOG = logging.getLogger("likebut")
API = (
    search.routes,
    gallery.routes,
    storefront.routes,
    admin.routes,
    health.routes,
)  # the routes of the OpenAPI document
BEAT_S = 1.0
EXPOSED_HEADERS = (  # readable by pages of other origins
    "Allow", "ETag", "Location", "Retry-After", "Server-Timing", "WWW-Authenticate", "X-Request-Id", "traceparent",
)  # fmt: skip


def create_app(settings: Settings, role: WorkerRole | None = None) -> FastAPI:
    """Return the app, with its keys read and its bundle opened and tested.

    Raises ConfigError, BundleMissing and BundleBroken. If the gallery is missing or was built by another model, the app
    starts but is not ready, so that a rebuild can repair it. With a role, the app is one of several workers'.
    """
    guard = Guard(settings, None if role is None else role.folder.buckets)  # first: opening the bundle takes longer
    state = AppState(settings, role)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, state.tracing.close)
            stack.enter_context(state.decoders)
            await stack.enter_async_context(state.image_pool)
            await stack.enter_async_context(state.list_pool)
            await stack.enter_async_context(state.suggestion_pool)
            if state.downloader is not None:
                await stack.enter_async_context(state.downloader)
            await stack.enter_async_context(state.remote_references)
            await stack.enter_async_context(state.searcher)
            if state.runner is not None:
                await stack.enter_async_context(state.runner)
            await stack.enter_async_context(state.edit_pool)
            await _open_gallery(state)
            watcher = GalleryWatcher(state.searcher, settings, runner=state.runner, role=role)
            await stack.enter_async_context(background_task(watcher.run(), name="likebut-watcher"))
            if role is not None:
                if state.runner is not None:
                    await stack.enter_async_context(JobSocket(state.runner, role.folder.socket))
                await stack.enter_async_context(background_task(_beat(state, role), name="likebut-beat"))
            await stack.enter_async_context(background_task(state.prober.run(), name="likebut-probe"))
            yield

    app = FastAPI(
        lifespan=lifespan,
        telemetry=state.tracing.config,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would repeat the Host header of the request, which can be forged
    )
    app.state.service = state
    app.state.guard = guard
    for router in (*API, site.routes):
        app.include_router(router)
    error_handlers.install(app, (*API, site.routes))
    # the last one added is the outermost
    bodies = settings.share(settings.max_bodies_bytes)
    if settings.workers > 1:  # a share must hold one body of the largest size
        bodies = max(bodies, min(settings.max_bulk_bytes, settings.max_bodies_bytes))
    if not settings.otlp_endpoint:  # the spans of FastAPI need its own routing
        app.add_middleware(DirectSearch)
    app.add_middleware(middleware.BodyBudget, max_bytes=bodies)
    app.add_middleware(middleware.HeadAsGet)
    app.add_middleware(middleware.PathCheck)
    if settings.keys is None:
        app.add_middleware(middleware.HostCheck, metrics=state.metrics)
    app.add_middleware(middleware.CatchAll)
    if settings.cors_origins:  # outside of CatchAll, so that pages can read its answers, too
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("*",),  # tracing adds headers of its own, and none of a browser's is a credential here
            expose_headers=EXPOSED_HEADERS,
        )
    app.add_middleware(
        middleware.RootPath,
        root_path=settings.root_path,
        proxies=settings.forwarded_allow_ips,
        routes=[route.path for router in (*API, site.routes) for route in router.routes if isinstance(route, Route)],
    )
    app.add_middleware(
        middleware.Envelope,
        log=RequestLog(state.metrics, state.tracing),
        draining=lambda: state.prober.draining,
        events_url=settings.events_url,
        varies=bool(settings.cors_origins),
    )
    return app


def description() -> dict[str, JsonValue]:
    """Return the OpenAPI document of all routes, without examples of a live gallery."""
    return openapi.document([route for router in API for route in router.routes], openapi.Examples())


async def _beat(state: AppState, role: WorkerRole) -> None:
    """Tells the supervisor that the event loop turns, and the other workers the metrics, without end."""
    while True:
        try:
            role.folder.beat()
            state.metrics.refresh()
        except Exception:  # of a full disk, say: without a beat the supervisor would end this worker
            LOG.exception("the heartbeat failed")
        await asyncio.sleep(BEAT_S)


async def _open_gallery(state: AppState) -> None:
    """Opens the gallery as far as it can be read; if not at all, the reason is kept for the readiness probe."""
    searcher = state.searcher
    try:
        await searcher.swap(state.settings.bundle)
    except GalleryBroken as error:
        LOG.error("the gallery is damaged: %s", error)
        try:
            await searcher.salvage(str(error))
        except GalleryError as worse:
            searcher.close(str(worse))
    except GalleryError as error:
        searcher.close(str(error))
