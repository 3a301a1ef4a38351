"""The server process: its sockets, uvicorn, and a clean shutdown."""

import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from index.storage import snapshot
from models.errors import ConfigError, GalleryReadOnly
from service import listening
from service.connections import SPARE, Connections
from service.http import app as http_app
from service.http.state import AppState
from service.protocol import HttpConfig
from service.settings import Settings
from service.shared_folder import WorkerRole
from service.telemetry import json_logs

LOG = logging.getLogger("likebut")
DESCRIPTORS = 192  # for all but connections: files of the gallery, fetched images, jobs, children
MAX_DESCRIPTORS = 65_536  # some systems have no limit, and a library may count up to it
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
MMAP_BYTES = 2**20  # a larger block of memory is the kernel's own, and goes back to it when it is free


def run(
    settings: Settings,
    sockets: Sequence[socket.socket],
    *,
    ready: Callable[[Sequence[str]], None],
    role: WorkerRole | None = None,
) -> None:
    """Serves in this process, at these sockets, until a signal; `ready` gets lines for the operator.

    With a role, this process is one of several workers.
    """
    _return_large_blocks()
    # set before the model is opened, because process 1 of a container ignores SIGTERM otherwise
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    json_logs.configure(worker=None if role is None else role.index)
    limit = _connections(settings.share(settings.max_connections))
    app = http_app.create_app(settings, role)
    gc.collect()
    gc.freeze()  # what lives as long as the process: to look through it took 60 ms, in which no request was answered
    state: AppState = app.state.service
    connections = Connections(limit, on_refusal=lambda reason: state.metrics.rejected.labels(reason).inc())
    state.metrics.follow(state.metrics.connections, lambda: connections.count)
    config = HttpConfig(app, connections, grace_s=settings.grace_s // 2)
    server = _Server(config, state, keys=settings.keys, ready=ready)
    server.run(sockets=list(sockets))
    if server.interrupted:  # uvicorn's own exception may be lost with the event loop
        raise KeyboardInterrupt


def _return_large_blocks() -> None:
    """Keeps glibc from raising its limit for blocks of their own when a large body is freed.

    With the raised limit, bodies of some megabytes lie between small objects, and the memory around them never shrinks.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # other C libraries have none
        mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)


class _Server(uvicorn.Server):
    """Uvicorn that reports its addresses and what it serves, and drains before it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: AppState,
        *,
        keys: Path | None,
        ready: Callable[[Sequence[str]], None],
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._state = state
        self._keys = keys
        self._ends: float | None = None  # of time.monotonic
        self.interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the app and accepts connections."""
        await super().startup(sockets)
        self._state.decoders.start()
        assert sockets
        keys = "no keys: everyone on this machine may search and change the gallery"
        try:
            snapshot.check_writable(self._state.settings.gallery)
        except GalleryReadOnly:
            keys = "no keys: everyone on this machine may search the gallery, which this process cannot change"
        if self._keys is not None:
            keys = f"keys of {self._keys}"
        lines = [f"serving {listening.address(sockets[0])}", self._state.summary()]
        lines += [f"admin routes at {listening.address(other)}" for other in sockets[1:]]
        self._ready([*lines, keys])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Reports not ready from now on, and stops; after SIGTERM only `drain_s` later, so that load balancers notice.

        A second signal, or one before the start has finished, stops it without the drain.
        """
        settings = self._state.settings
        first = self._ends is None
        self.interrupted |= sig == signal.SIGINT
        drain_s = settings.drain_s if first and sig == signal.SIGTERM and self.started else 0.0
        self._state.prober.drain()
        self._ends = time.monotonic() + drain_s
        if first:
            watch = threading.Timer(drain_s + settings.grace_s, _cut)
            watch.daemon = True
            watch.start()
        if sig != signal.SIGTERM:  # uvicorn would raise SIGTERM again after a clean end, which looks like a kill
            super().handle_exit(sig, frame)
        elif not self.started:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop; called ten times a second."""
        if self._ends is not None and time.monotonic() >= self._ends:
            self.should_exit = True
        return await super().on_tick(counter)


def _cut() -> None:
    """Ends the process at once, because a thread that hangs would keep it for ever."""
    LOG.error("the grace period is over: work that had not ended was cut off")
    os._exit(1)


def _connections(most: int) -> int:
    """Return how many connections may be open: `most`, or what the limit of descriptors leaves; raises that limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    free = soft - DESCRIPTORS - SPARE if soft != resource.RLIM_INFINITY else most
    if free < 1:
        raise ConfigError(f"the process may open only {soft} files: raise the limit (ulimit -n), best to 4096 or more")
    if free < most:
        LOG.warning("max_connections is lowered to %d, because the process may open only %d files", free, soft)
    return min(most, free)
