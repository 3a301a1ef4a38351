"""Exception handlers: every failure of a route becomes problem details (RFC 9457)."""

import logging
from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from models.errors import LikebutError
from service import errors
from service.http.state import app_state, root_path

LOG = logging.getLogger("likebut")


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Adds the handlers to the app; `routers` hold all its routes."""
    app.add_exception_handler(LikebutError, _likebut_error)
    app.add_exception_handler(OSError, _lack_of_resources)
    app.add_exception_handler(MemoryError, _lack_of_resources)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, partial(_http_exception, routers))


async def _likebut_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LikebutError)
    error = errors.blameless(error)
    response = errors.answer(error, request_id=request.state.request_id)
    if response.status_code != 404:
        app_state(request).metrics.rejected.labels(errors.reason(error)).inc()
    return response


async def _lack_of_resources(request: Request, error: Exception) -> Response:
    """Answers 503 if the machine lacks memory, descriptors or disk space; any other error goes on to be logged."""
    lacking = errors.shortage(error)
    if lacking is None:
        raise error
    LOG.error("%s", lacking, exc_info=error, extra={"facts": {"request_id": request.state.request_id}})
    return await _likebut_error(request, lacking)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _likebut_error(request, errors.unusable(error.errors()))


async def _http_exception(routers: Sequence[APIRouter], request: Request, error: Exception) -> Response:
    """Answers what the framework raises by itself: 404 and 405."""
    assert isinstance(error, HTTPException)
    details = {
        404: f"nothing is at this path: {root_path(request)}/docs lists the paths of this service",
        405: f"this path does not accept {request.method}: the Allow header lists the methods",
    }
    detail = details.get(error.status_code, str(error.detail))
    headers = {"Allow": ", ".join(_methods(routers, request))} if error.status_code == 405 else error.headers
    return errors.problem(error.status_code, detail, request_id=request.state.request_id, headers=headers)


def _methods(routers: Sequence[APIRouter], request: Request) -> list[str]:
    """Return every method of the path; the framework's own Allow header lists those of the first route only."""
    methods: set[str] = set()
    for router in routers:
        for route in router.routes:
            if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
                methods |= route.methods or set()
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
