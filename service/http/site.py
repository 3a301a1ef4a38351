"""The routes of the web page: the search page, the API documentation, and the files that both load."""

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from service.auth import guard
from service.http import openapi
from service.http.state import AppState, AppStateDep, root_path

routes = APIRouter(dependencies=[guard.OPEN], include_in_schema=False)


@routes.get("/")
async def search_page(request: Request, state: AppStateDep) -> Response:
    """Returns the search page."""
    return await _file("index.html", request, state)


@routes.get("/docs")
async def docs_page(request: Request, state: AppStateDep) -> Response:
    """Returns the API documentation as a web page."""
    return await _file("docs.html", request, state)


@routes.get("/widget")
async def widget_page(request: Request, state: AppStateDep) -> Response:
    """Returns a page with the widget that other pages embed."""
    return await _file("widget/demo.html", request, state)


@routes.get("/web/{name:path}")
async def file(request: Request, name: str, state: AppStateDep) -> Response:
    """Returns a file that one of the pages loads, or the widget on a page of any origin: they hold no secrets."""
    response = await _file(name, request, state)
    response.headers["Access-Control-Allow-Origin"] = "*"  # so that the widget can say if the page may not search
    return response


@routes.get("/openapi.json")
async def document(request: Request, state: AppStateDep) -> Response:
    """Returns the OpenAPI document, with examples from the parts of the live gallery that the caller may see."""
    gallery, last_job = state.searcher.serving.gallery, await state.jobs.last()
    caller = guard.guard_of(request).caller(request)
    source = gallery.manifest.source if gallery else None
    is_admin = caller is not None and caller.role == "admin"

    def examples() -> openapi.Examples:
        items = gallery.view().sample(1) if gallery and caller else []
        return openapi.Examples(
            item=next(iter(items), None),
            source=source if source and is_admin and Path(source).exists() else None,
            job_id=last_job.id if last_job and is_admin else None,
        )

    role = caller.role if caller else None
    shown = await asyncio.to_thread(examples)  # it may read the journal
    api = await state.documents.get(request.app.routes, shown, role=role, root_path=root_path(request))
    return Response(to_json(api), media_type="application/json")


async def _file(name: str, request: Request, state: AppState) -> Response:
    response = await state.web_files.get_response(name, request.scope)
    response.headers["Cache-Control"] = "no-cache"  # browsers ask each time, and get 304 if nothing changed
    return response
