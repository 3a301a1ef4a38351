"""The short way to the search route, past the routing and the dependencies of FastAPI."""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.auth.guard import require_search
from service.http.search import routes, search
from service.http.state import app_state

ROUTE = next(route for route in routes.routes if isinstance(route, APIRoute) and route.path == "/search")


class DirectSearch:
    """Answers POST /search by the function of its route, with the same guard and error handlers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != scope["root_path"] + ROUTE.path:
            await self._app(scope, receive, send)
            return
        scope["route"] = ROUTE
        request = Request(scope, receive, send)
        try:
            await require_search(request)
            response = await search(request, app_state(request))
        except Exception as error:
            handlers = request.app.exception_handlers
            handler = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
            if handler is None:
                raise
            response = await handler(request, error)
        await response(scope, receive, send)
