"""The time at which the work of a search must end."""

import math
import time
from collections.abc import Callable, Sequence

from models.errors import DeadlineExceeded


class Deadline:
    """A time of `time.monotonic`, looked at between the steps of a search; another thread may end it before."""

    __slots__ = ("_at",)

    def __init__(self, at: float = math.inf) -> None:
        self._at = at

    @property
    def is_over(self) -> bool:
        """True if no more work may be done."""
        return time.monotonic() >= self._at

    def end(self) -> None:
        """Ends the time now, since no caller needs the result."""
        self._at = -math.inf

    def check(self) -> None:
        """Raises DeadlineExceeded if the time is over."""
        if self.is_over:
            raise exceeded()


def check_any(deadlines: Sequence[Deadline]) -> Callable[[], None]:
    """A function that raises DeadlineExceeded if all of the deadlines are over: until then, the work is needed."""

    def check() -> None:
        if all(deadline.is_over for deadline in deadlines):
            raise exceeded()

    return check


def exceeded() -> DeadlineExceeded:
    """The error of a search that took too long."""
    return DeadlineExceeded(
        "the search did not end before its deadline: ask for fewer hits, a simpler filter or fewer facets"
    )
