"""The process that serves: a socket, uvicorn on it, and a clean end."""

import signal
import socket
import sys

import uvicorn

from models.errors import ConfigError
from service import api, logs
from service.owned import Service
from service.settings import Settings

GRACE_S = 10  # for requests under way when the process is asked to end


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C; raises ConfigError where the address is taken, and what `create_app` raises."""
    listening = _listen(settings.host, settings.port)
    logs.configure()
    app = api.create_app(settings)
    config = uvicorn.Config(
        app,
        http="h11",  # which bounds a request's head; httptools, taken where it is installed, holds one without end
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    # uvicorn raises the signal again after its clean end, which would then be reported as a kill
    signal.signal(signal.SIGTERM, lambda *_: None)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    _Server(config, app.state.service, address=f"http://{shown}:{port}/").run(sockets=[listening])


class _Server(uvicorn.Server):
    """Uvicorn, saying its address and what is served there once the app has started."""

    def __init__(self, config: uvicorn.Config, service: Service, *, address: str) -> None:
        super().__init__(config)
        self._service = service
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the app and accepts connections."""
        await super().startup(sockets)
        print(f"likebut: serving {self._address}", file=sys.stderr, flush=True)
        print(f"likebut: {self._service.offers()}", file=sys.stderr, flush=True)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another with --port"
        ) from error
