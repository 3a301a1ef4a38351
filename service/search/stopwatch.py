"""The time that each stage of a search takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds of each stage, in the order in which the stages first ended."""

    took_ms: dict[str, float] = field(default_factory=dict)
    _stage: str | None = None
    _began: float = 0.0  # of time.perf_counter

    def add(self, name: str, seconds: float) -> None:
        """Adds to the time of a stage."""
        self.took_ms[name] = round(self.took_ms.get(name, 0.0) + seconds * 1000, 3)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the body of the `with` statement; a stage inside another stops the outer one until it ends."""
        outer = self._switch(name)
        try:
            yield
        finally:
            self._switch(outer)

    def _switch(self, stage: str | None) -> str | None:
        now, previous = time.perf_counter(), self._stage
        if previous is not None:
            self.add(previous, now - self._began)
        self._stage, self._began = stage, now
        return previous
