"""Accepts the connections of workers that do not serve, in place of them."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from service.shared_folder import WorkerRole

EVERY_S = 0.2
LOG = logging.getLogger("likebut")


class Substitute:
    """Serves at the sockets of the indexes that are vacant, from `start` to `close`.

    A connection in the queue of a listening socket belongs to that socket, and closing it would reset the connection.
    So every worker has the sockets of all.
    """

    def __init__(
        self,
        role: WorkerRole,
        sockets: Sequence[Sequence[socket.socket]],
        serve: Callable[[Sequence[socket.socket]], Awaitable[list[asyncio.Server]]],
    ) -> None:
        """`sockets` has those of each index; `serve` starts to accept at some."""
        self._role = role
        self._sockets = sockets
        self._serve = serve
        self._servers: dict[int, list[asyncio.Server]] = {}  # by index
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follows which indexes are vacant, until `close`."""
        self._task = asyncio.create_task(self._run(), name="likebut-substitute")

    async def close(self) -> None:
        """Accepts no more connections, and closes the sockets."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._leave(self._servers)
        for group in self._sockets:
            for one in group:
                one.close()

    async def _run(self) -> None:
        while True:
            try:
                vacant = self._role.folder.vacant() - {self._role.index}
                self._leave(self._servers.keys() - vacant)
                for index in vacant - self._servers.keys():
                    self._servers[index] = await self._serve([one.dup() for one in self._sockets[index]])
            except OSError:  # of too few descriptors, say
                LOG.exception("connections of other workers may have to wait")
            await asyncio.sleep(EVERY_S)

    def _leave(self, indexes: Iterable[int]) -> None:
        for index in list(indexes):
            for server in self._servers.pop(index):
                server.close()
