"""How a stage of the GPU check runs: at full size on a GPU, or tiny on the CPU to prove the check itself."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias

Row: TypeAlias = Mapping[str, object]  # of a table; all rows of one part have the same columns
WARM, ROUNDS = 3, 10


class PartSkipped(Exception):
    """A part that cannot run here; its text is the reason."""


@dataclass(frozen=True)
class CheckSetting:
    """Sizes and devices of a check, with what earlier parts measured."""

    dry: bool
    folder: Path  # of the results, and of what the parts make
    end: float  # of time.monotonic: no part goes on after it
    rates: dict[str, float] = field(default_factory=dict)  # by name, such as "bf16 FLOP/s"

    @property
    def device(self) -> str:
        """The device of torch."""
        return "cpu" if self.dry else "cuda"

    def sized(self, full: int, tiny: int) -> int:
        """Return a size of the full check, or of the dry one."""
        return tiny if self.dry else full

    @property
    def left_s(self) -> float:
        """Seconds until the stage must have ended."""
        return self.end - time.monotonic()

    @property
    def rounds(self) -> int:
        """Timed runs of each case."""
        return self.sized(ROUNDS, 1)

    def seconds(self, run: Callable[[], object], wait: Callable[[], object] = lambda: None) -> float:
        """Return the median seconds of a run with what it leaves to the device, after some that do not count."""
        for _ in range(self.sized(WARM, 1)):
            run()
        wait()
        taken = []
        for _ in range(self.rounds):
            began = time.perf_counter()
            run()
            wait()
            taken.append(time.perf_counter() - began)
        return median(taken)


@dataclass(frozen=True)
class CheckPart:
    """One part of a stage: its rows, and the seconds that must be left for it to begin."""

    name: str
    measure: Callable[[CheckSetting], Iterator[Row]]
    least_s: float = 10.0


Parts: TypeAlias = Sequence[CheckPart]
