"""What a benchmark is: pictures, galleries of them, and queries with what answers them, as its files say."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Box: TypeAlias = tuple[float, float, float, float]  # left, top, width and height in pixels
Mean = Literal["queries", "groups"]  # of all queries alike, or of the groups' own means
Counts = Literal["target", "any"]  # R@k counts the target alone, or whichever relevant item stands first


@dataclass(frozen=True, slots=True)
class BenchmarkImage:
    """Where a picture lies, and the part of it that counts."""

    path: Path
    box: Box | None = None  # None: the whole


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """A reference and a wanted change, and what answers them."""

    id: str  # the benchmark's own
    reference: str  # a picture's name
    texts: tuple[str, ...]  # each asked by itself; the normalised mean of what they give is the query
    relevant: tuple[str, ...]  # the first is the target; empty where only the test server knows
    gallery: str | tuple[str, ...]  # one of the benchmark's galleries, or its own few names
    excluded: tuple[str, ...] = ()  # never ranked
    subset: tuple[str, ...] = ()  # CIRR: the others of its set
    groups: tuple[str, ...] = ()  # its category, its semantic aspects, its task


@dataclass(frozen=True, slots=True)
class Scoring:
    """What is made of the ranks."""

    metrics: tuple[str, ...]  # as "R@10", "R_subset@1", "mAP@5", the headline first; none where targets are hidden
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
    pictures: Mapping[str, BenchmarkImage]  # by name
    galleries: Mapping[str, tuple[str, ...]]
    expected: Mapping[str, int]  # gallery → its size by the protocol; of queries' own ones by their first group
    queries: tuple[BenchmarkQuery, ...]
    expected_queries: int
