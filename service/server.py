"""The server process: its sockets, uvicorn, and a clean shutdown."""

import asyncio
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
from importlib.abc import MetaPathFinder
from types import FrameType

import uvicorn

from index import places
from index.milvus import address
from models.errors import ConfigError, GalleryReadOnly
from service import listening, machine
from service.connections import SPARE, Connections
from service.errors import NotReady
from service.http import app as http_app
from service.http.state import AppState
from service.protocol import BoundedConnection, HttpConfig
from service.settings import Settings
from service.shared_folder import WorkerRole
from service.substitute import Substitute
from service.telemetry import json_logs

LOG = logging.getLogger("likebut")
DESCRIPTORS = 192  # for all but connections: files of the gallery, fetched images, jobs, children
MAX_DESCRIPTORS = 65_536  # some systems have no limit, and a library may count up to it
PROVE_S = 10.0  # for the first trial search to be answered
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
MMAP_BYTES = 2**20  # a larger block of memory is the kernel's own, and goes back to it when it is free


def run(
    settings: Settings,
    sockets: Sequence[Sequence[socket.socket]],
    *,
    ready: Callable[[Sequence[str]], None],
    role: WorkerRole | None = None,
) -> None:
    """Serves in this process until a signal; `ready` gets lines for the operator.

    With a role, this process is one of several workers; `sockets` has those of each index. Raises what `create_app`
    raises, and NotReady if other workers serve and this one has not answered a trial search.
    """
    _return_large_blocks()
    _leave_out_pandas(settings)
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
    server = _Server(config, state, sockets=sockets, role=role, ready=ready)
    server.run(sockets=list(sockets[0 if role is None else role.index]))
    if server.unproved:
        raise NotReady("; ".join(server.unproved))
    if server.interrupted:  # uvicorn's own exception may be lost with the event loop
        raise KeyboardInterrupt


class _WithoutPandas(MetaPathFinder):
    """Says that pandas is not installed."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("this service works without pandas", name=name)


def _leave_out_pandas(settings: Settings) -> None:
    """Hides pandas, if it is installed, from pyarrow, which loads it at the first value: 60 MB that no search needs."""
    if not address.is_milvus(settings.gallery):  # its client needs it
        sys.meta_path.insert(0, _WithoutPandas())


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
        sockets: Sequence[Sequence[socket.socket]],
        role: WorkerRole | None,
        ready: Callable[[Sequence[str]], None],
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._state = state
        self._role = role
        self._substitute = None if role is None else Substitute(role, sockets, self._serve_at)
        self._ends: float | None = None  # of time.monotonic
        self.interrupted = False
        self.unproved: Sequence[str] = ()  # why it may not serve beside others

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the app and accepts connections; beside other workers only once a trial search is answered."""
        assert sockets
        await super().startup([])
        if self._role is not None and self._role.proves:
            self.unproved = await self._state.prober.wait(PROVE_S)
            if self.unproved:
                self.should_exit = True
                return
        self.servers += await self._serve_at(sockets)
        if self._substitute is not None:
            self._substitute.start()
        self._state.decoders.start(machine.cores() // self._state.settings.workers)
        keys = "no keys: everyone on this machine may search and change the gallery"
        try:
            places.check_writable(self._state.settings.gallery)
        except GalleryReadOnly:
            keys = "no keys: everyone on this machine may search the gallery, which this process cannot change"
        if self._state.settings.keys is not None:
            keys = f"keys of {self._state.settings.keys}"
        lines = [f"serving {listening.address(sockets[0])}", self._state.summary()]
        lines += [f"admin routes at {listening.address(other)}" for other in sockets[1:]]
        self._ready([*lines, keys])

    async def _serve_at(self, sockets: Sequence[socket.socket]) -> list[asyncio.Server]:
        """Accepts connections at these sockets."""

        def protocol() -> asyncio.Protocol:
            return BoundedConnection(self.config, self.server_state, self.lifespan.state)

        loop, backlog = asyncio.get_running_loop(), self.config.backlog
        return [await loop.create_server(protocol, sock=one, backlog=backlog) for one in sockets]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends as uvicorn does, and closes the sockets of other workers, too."""
        if self._substitute is not None:
            await self._substitute.close()
        await super().shutdown(sockets)

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
