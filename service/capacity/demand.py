"""The demand on a gallery: its size, its load, and the machines that there are."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from models.errors import ConfigError

if TYPE_CHECKING:
    from index.vectors.encodings import Encoding  # it brings FAISS, and --help needs none

MOST_ITEMS, MOST_DIMENSION = 10**11, 16_384
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Demand:
    """Items and searches, with goals, and a machine with its price; raises ConfigError for values out of range."""

    items: int
    qps: float = 100.0
    recall: float = 0.95  # recall@10
    dimension: int = 512
    encoding: "Encoding | Literal['auto']" = "auto"
    filtered: float = 0.3  # share of the searches that have a filter
    share: float | None = None  # of the lists that a search probes for recall@10 .95; None: as measured
    replicas: int = 2
    memory_gib: float = 128.0
    cores: int = 32
    price: float = 1.0  # of a machine-hour
    encoder: str = "vit-b-32"
    images_per_s: float | None = None  # of a machine that embeds; None: as measured
    query_ms: float | None = None  # CPU time of embedding a query; None: as measured
    images_per_item: float = 1.0
    embedders: int = 4  # machines that embed
    p50_ms: float = 250.0
    build_h: float = 24.0  # of a build without embedding
    spare: float = 0.3  # share of memory and cores that stays free

    def __post_init__(self) -> None:
        checks = (
            (1000 <= self.items <= MOST_ITEMS, "items", self.items, f"from 1000 to {MOST_ITEMS:.0e}"),
            (0 < self.qps <= 1e7, "qps", self.qps, "above 0, up to 1e7"),
            (1 <= self.dimension <= MOST_DIMENSION, "dimension", self.dimension, f"from 1 to {MOST_DIMENSION}"),
            (0 <= self.filtered <= 1, "filtered", self.filtered, "a share from 0 to 1"),
            (self.share is None or 0 < self.share <= 1, "share", self.share, "a share above 0, up to 1"),
            (1 <= self.replicas <= 100, "replicas", self.replicas, "from 1 to 100"),
            (1 <= self.memory_gib <= 1e5, "memory-gib", self.memory_gib, "from 1 to 1e5"),
            (1 <= self.cores <= 10_000, "cores", self.cores, "from 1 to 10000"),
            (0 <= self.price <= 1e6, "price", self.price, "from 0 to 1e6"),
            (1 <= self.images_per_item <= 10, "images-per-item", self.images_per_item, "from 1 to 10"),
            (1 <= self.embedders <= 1e6, "embedders", self.embedders, "from 1 to 1e6"),
            (0 < self.p50_ms <= 1e6, "p50-ms", self.p50_ms, "above 0, up to 1e6"),
            (0 < self.build_h <= 1e5, "build-h", self.build_h, "above 0, up to 1e5"),
            (0 <= self.spare <= 0.9, "spare", self.spare, "a share from 0 to .9"),
            (
                self.images_per_s is None or 0 < self.images_per_s < math.inf,
                "images-per-s",
                self.images_per_s,
                "above 0",
            ),
            (self.query_ms is None or 0 < self.query_ms < math.inf, "query-ms", self.query_ms, "above 0"),
            (0 < self.recall < 1, "recall", self.recall, "between 0 and 1"),
        )
        for passed, name, value, allowed in checks:
            if not passed:
                raise ConfigError(f"--{name} is {value}: give {allowed}")

    @property
    def usable_bytes(self) -> float:
        """Memory of a machine that may be filled."""
        return (1 - self.spare) * self.memory_gib * GIB

    @property
    def usable_cores(self) -> float:
        """Cores of a machine that may be busy."""
        return (1 - self.spare) * self.cores
