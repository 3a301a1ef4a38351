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
    listening = listen(settings.host, settings.port)
    logs.configure()
    app = api.create_app(settings)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_S
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


def listen(host: str, port: int) -> socket.socket:
    """A socket of that address; raises ConfigError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named as TCP: only then asyncio sends an answer's end at once, which else waits 40 ms for the caller's kernel
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(2048)
        return listening
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another with --port"
        ) from error
