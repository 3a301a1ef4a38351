"""The open connections of a process: their limit, and the order in which idle ones are closed for new ones."""

from collections.abc import Callable
from typing import Protocol

SPARE = 32  # connections beyond the limit, for which only probes are answered


class Resettable(Protocol):
    """A connection that can be closed for another one."""

    counted: bool  # whether it counts; a new one does

    def reset(self) -> None:
        """Ends the connection at once."""


class Connections:
    """The open connections of a process: `limit` with a request in progress, and a few more for probes."""

    def __init__(self, limit: int, *, on_refusal: Callable[[str], None]) -> None:
        """`on_refusal` gets the reason of each request that is refused before the app sees it."""
        self.limit = limit
        self.on_refusal = on_refusal
        self.count = 0
        self._idle: dict[Resettable, None] = {}  # without a request in progress, the longest idle first

    @property
    def full(self) -> bool:
        """True if more connections have a request in progress than the limit allows."""
        return self.count - len(self._idle) > self.limit

    def add(self, connection: Resettable) -> None:
        """Counts a new connection; beyond the spare ones, the longest idle one is closed, at worst the new one."""
        self.count += 1
        self.rest(connection)
        if self.count > self.limit + SPARE:
            longest = next(iter(self._idle))
            self.remove(longest)
            longest.reset()

    def rest(self, connection: Resettable) -> None:
        """Notes that no request of the connection is in progress."""
        if connection.counted:
            self._idle[connection] = None

    def work(self, connection: Resettable) -> None:
        """Notes that a request of the connection is in progress."""
        self._idle.pop(connection, None)

    def remove(self, connection: Resettable) -> None:
        """Counts a connection no more; does nothing if it is not counted."""
        if connection.counted:
            connection.counted = False
            self.count -= 1
            self._idle.pop(connection, None)
