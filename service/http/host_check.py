"""Without keys: whoever asks must call this machine by what no stranger's name can come to stand for."""

import ipaddress
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from service import errors
from service.telemetry.metrics import Metrics

REASON = "foreign-host"
DETAIL = (
    "without keys only localhost and addresses are answered, since any other name may be a web page's that leads here:"
    " ask 127.0.0.1, or start the service with --keys FILE"
)
_PORT = re.compile(":[0-9]*$")


class HostCheck:
    """Wraps the app of a service without keys, and answers 421 where Host is a name that DNS could lead here.

    A page of that name would be of one origin with the service, as the browser sees it, and could change the gallery.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI scope; probes are no exception, since they are asked by address."""
        if scope["type"] != "http" or names_this_machine(_host(scope)):
            await self._app(scope, receive, send)
            return
        self._metrics.rejected.labels(REASON).inc()
        refused = errors.problem(421, DETAIL, reason=REASON, request_id=scope["state"]["request_id"])
        await refused(scope, receive, send)


def names_this_machine(host: str) -> bool:
    """Whether a Host header, with or without a port, names localhost, what is below it, or an address."""
    name = _PORT.sub("", host.lower()).removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):  # which browsers never ask DNS for
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _host(scope: Scope) -> str:
    """The header, empty where there is none: browsers always send it."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
