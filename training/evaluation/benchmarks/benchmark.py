"""Types of a benchmark: images, galleries of them, and queries with their answers, as read from its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Box: TypeAlias = tuple[float, float, float, float]  # left, top, width and height in pixels
Mean = Literal["queries", "groups"]  # over all queries, or over the means of the groups
Counts = Literal["target", "any"]  # R@k counts the target alone, or the best relevant item


@dataclass(frozen=True, slots=True)
class BenchmarkImage:
    """File of an image, and the part of it that counts."""

    path: Path
    box: Box | None = None  # None: the whole


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """A reference, a requested change, and their answers."""

    id: str  # the benchmark's own
    reference: str  # an image's name
    texts: tuple[str, ...]  # embedded separately; the normalised mean of the query vectors is ranked
    relevant: tuple[str, ...]  # the first is the target; empty if only the test server has the targets
    gallery: str | tuple[str, ...]  # one of the benchmark's galleries, or the names of a small one of its own
    excluded: tuple[str, ...] = ()  # never ranked
    subset: tuple[str, ...] = ()  # CIRR: the other images of its set
    negatives: tuple[str, ...] = ()  # near misses that contradict its texts
    groups: tuple[str, ...] = ()  # its category, its semantic aspects, its task


@dataclass(frozen=True, slots=True)
class Scoring:
    """The metrics and how they are computed from ranks."""

    metrics: tuple[str, ...]  # as "R@10", "R_subset@1", "mAP@5", the headline first; none if targets are hidden
    counts: Counts = "target"
    mean: Mean = "queries"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One split of a benchmark in one of its variants."""

    name: str
    variant: str
    split: str
    says: Mapping[str, str]  # the protocol in words: gallery, reference, joining of captions …
    scoring: Scoring
    images: Mapping[str, BenchmarkImage]  # by name
    galleries: Mapping[str, tuple[str, ...]]
    expected: Mapping[str, int]  # gallery → its size in the protocol; of queries' own galleries by their first group
    queries: tuple[BenchmarkQuery, ...]
    expected_queries: int
