"""The process that serves: its sockets, uvicorn on them, and a clean end."""

import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import uvicorn

from models.errors import ConfigError
from service import protocol
from service.http import app as http_app
from service.http.state import AppState
from service.settings import Settings
from service.telemetry import json_logs

LOG = logging.getLogger("likebut")


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C; raises what `create_app` raises.

    ConfigError also where an address is taken, or where others than this machine could reach it without a key.
    """
    # before the model is opened, since a container's first process would ignore the signal; nobody is served yet
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listening = [_listen(settings, settings.port, option="--port")]
    if settings.admin_port is not None:
        listening.append(_listen(settings, settings.admin_port, option="--admin-port"))
        settings = settings.model_copy(update={"admin_port": listening[1].getsockname()[1]})  # it may have been 0
    json_logs.configure()
    app = http_app.create_app(settings)
    config = uvicorn.Config(
        app,
        http=protocol.BoundedHead,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.grace_s // 2,
    )
    server = _Server(config, app.state.service, keys=settings.keys)
    server.run(sockets=listening)
    if server.interrupted:  # what uvicorn raises for it may be lost with the loop
        raise KeyboardInterrupt


class _Server(uvicorn.Server):
    """Uvicorn, saying its addresses, what is served there and to whom, and draining before its end."""

    def __init__(self, config: uvicorn.Config, service: AppState, *, keys: Path | None) -> None:
        super().__init__(config)
        self._service = service
        self._keys = keys
        self._ends: float | None = None  # of time.monotonic
        self.interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the app and accepts connections."""
        await super().startup(sockets)
        assert sockets
        who = "no keys are known, so anybody on this machine may search and change the gallery"
        lines = [f"serving {_address(sockets[0])}", self._service.offers()]
        lines += [f"admin routes at {_address(each)}" for each in sockets[1:]]
        lines += [f"keys of {self._keys}" if self._keys is not None else who]
        for line in lines:
            print(f"likebut: {line}", file=sys.stderr, flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Not ready from now on; after SIGTERM it serves on for `drain_s`, until nobody sends searches here any more.

        A second signal, or one before anybody is served, ends it without that.
        """
        settings = self._service.settings
        first = self._ends is None
        self.interrupted |= sig == signal.SIGINT
        drain_s = settings.drain_s if first and sig == signal.SIGTERM and self.started else 0.0
        self._service.prober.drain()
        self._ends = time.monotonic() + drain_s
        if first:
            watch = threading.Timer(drain_s + settings.grace_s, _cut)
            watch.daemon = True
            watch.start()
        if sig != signal.SIGTERM:  # which uvicorn would raise again after a clean end, so that it looked like a kill
            super().handle_exit(sig, frame)
        elif not self.started:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to end; asked ten times a second."""
        if self._ends is not None and time.monotonic() >= self._ends:
            self.should_exit = True
        return await super().on_tick(counter)


def _cut() -> None:
    """Ends the process, whatever still computes: a thread that hangs would keep it for ever."""
    LOG.error("what had not ended in time was cut off")
    os._exit(1)


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A socket of that address; raises ConfigError, which names the option, where it cannot be had."""
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
            f"cannot listen on {host} port {port} ({error.strerror}): choose another with {option}"
        ) from error


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _listen(settings: Settings, port: int, *, option: str) -> socket.socket:
    host = settings.host
    listening = listen(host, port, option=option)
    # the address that a name stands for is known only now
    if settings.keys is None and not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        listening.close()
        raise ConfigError(
            f"without keys only this machine is served, and {host} is open to others: give --keys FILE"
            " (likebut keys add FILE --name NAME --role admin makes one), or --host 127.0.0.1"
        )
    return listening
