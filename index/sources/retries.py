"""Repeats downloads that failed for the moment, with back-off, and bounded for each image and each host of a build."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from index.sources.download import HostFailure

BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)  # before each repeat of one image
LONGEST_S = 30.0  # of one image's attempts together, and of a Retry-After that is waited for
WASTED_S = 60.0  # spent on failures of one host, after which its images get one attempt each
STREAK = 10  # failures of a host without a success, after which most of its images get none
PROBE_S = 10.0  # between the attempts to reach such a host

Result = TypeVar("Result")


@dataclass(slots=True)
class _Host:
    wasted_s: float = 0.0
    streak: int = 0
    probed_s: float = 0.0  # of time.monotonic


class HostRetries:
    """Attempts of one build, for many threads: a host that is down costs it minutes, not one wait for each image."""

    def __init__(self, *, back_off_s: tuple[float, ...] = BACK_OFF_S, wasted_s: float = WASTED_S) -> None:
        self._back_off_s = back_off_s
        self._wasted_s = wasted_s
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = defaultdict(_Host)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Lets no thread wait for another attempt any more."""
        self._over.set()

    def run(self, url: str, attempt: Callable[[], Result]) -> Result:
        """Return the result of the attempt, repeated while it raises a transient HostFailure; raises the last one."""
        host, began_s = self._host(url), time.monotonic()
        self._admit(host, began_s)
        for wait_s in (*self._back_off_s, None):
            try:
                result = attempt()
            except HostFailure as error:
                if not error.transient:  # the host is there, and refuses
                    raise
                pause_s = None if wait_s is None else max(wait_s, error.retry_after_s)
                if pause_s is None or self._is_over(host, began_s, pause_s):
                    self._failed(host, began_s)
                    raise
                if self._over.wait(pause_s):
                    raise
            else:
                host.streak = 0
                return result
        raise AssertionError("the last attempt returns or raises")

    def _host(self, url: str) -> _Host:
        try:
            name = urlsplit(url).netloc.lower()
        except ValueError:
            name = url
        with self._lock:
            return self._hosts[name]

    def _admit(self, host: _Host, now_s: float) -> None:
        """Raises HostFailure if the host is down and was probed a moment ago."""
        with self._lock:
            if host.wasted_s < self._wasted_s or host.streak < STREAK:
                return
            if now_s - host.probed_s < PROBE_S:
                raise HostFailure(f"its host failed {host.streak} times in a row and is tried only now and then")
            host.probed_s = now_s

    def _is_over(self, host: _Host, began_s: float, pause_s: float) -> bool:
        """True if no further attempt is to be made after the pause."""
        too_long = time.monotonic() + pause_s - began_s > LONGEST_S
        return too_long or host.wasted_s >= self._wasted_s

    def _failed(self, host: _Host, began_s: float) -> None:
        with self._lock:
            host.wasted_s += time.monotonic() - began_s
            host.streak += 1
