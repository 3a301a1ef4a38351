"""HEAD: answered by whatever answers GET at the same path; the server leaves the body out."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Shows a HEAD request to the app as a GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope; the given one still says HEAD, by which the server knows to send no body."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        shown = {**scope, "method": "GET"}
        try:
            await self._app(shown, receive, send)
        finally:
            scope["route"] = shown.get("route")  # for the log and the metrics
