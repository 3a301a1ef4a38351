"""Estimates of one way to keep a gallery, with the assumptions that they rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Engine = Literal["folder", "milvus"]


@dataclass(frozen=True, slots=True)
class Assumption:
    """One figure that an estimate rests on, and its source: a file or command of this repository, or a publication."""

    name: str
    value: str
    source: str
    kind: Literal["measured", "computed", "published", "given", "assumed"]


@dataclass(frozen=True, slots=True)
class CapacityEstimate:
    """Machines, memory and disk in bytes, times in hours and milliseconds, and cost per hour and per build."""

    engine: Engine
    encoding: str
    machines: Mapping[str, int]  # by their task, searching ones and others
    memory_bytes: float  # of one copy of the gallery, on all its machines, while it serves
    build_memory_bytes: float  # of the process that builds, on its machine
    disk_bytes: float  # of all machines
    hours: Mapping[str, float]  # of a build, by its part; "embed" is that of all images
    p50_ms: float
    cpu_ms: float  # of a search, the query's embedding included
    cost_per_hour: float
    cost_of_build: float
    obstacles: Sequence[str]  # reasons why this does not work as it is
    assumptions: Sequence[Assumption] = field(default=())

    @property
    def total_machines(self) -> int:
        return sum(self.machines.values())
