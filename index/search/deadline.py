"""The time at which the work of a search must end."""

import math
import time

from models.errors import DeadlineExceeded


class Deadline:
    """A time of `time.monotonic`, checked between the steps of a search; another thread may end it before."""

    __slots__ = ("_at",)

    def __init__(self, at: float = math.inf) -> None:
        self._at = at

    def check(self) -> None:
        """Raises DeadlineExceeded if the time is over."""
        if time.monotonic() >= self._at:
            raise DeadlineExceeded(
                "the search did not end before its deadline: ask for fewer hits, a simpler filter or fewer facets"
            )

    def end(self) -> None:
        """Ends the time now, since the caller needs no result any more."""
        self._at = -math.inf
