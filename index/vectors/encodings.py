"""The encodings in which FAISS keeps a snapshot's vectors, and which one a gallery takes by its size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

import faiss

from models.errors import ConfigError, GalleryBroken, GalleryError

Encoding = Literal["flat", "fp16", "sq8", "rabitq"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)

MOST_SHARDS = 1024
SMALL = 20_000  # items up to which all of float32 is cheap enough
SHARD = 5_000_000  # items of one file
HUGE = 20_000_000  # items from which one byte a number is too much


@dataclass(frozen=True, slots=True)
class EncodingFacts:
    """The FAISS index of an encoding, and how exact its scores are."""

    index: type[faiss.IndexIVF]
    block: int  # hits re-scored with the exact vectors at a time; 0 if the scores are exact already
    bits: int  # of one component of a vector


ENCODING_FACTS: Mapping[Encoding, EncodingFacts] = {
    "flat": EncodingFacts(faiss.IndexIVFFlat, 0, 32),
    "fp16": EncodingFacts(faiss.IndexIVFScalarQuantizer, 32, 16),
    "sq8": EncodingFacts(faiss.IndexIVFScalarQuantizer, 32, 8),
    "rabitq": EncodingFacts(faiss.IndexIVFRaBitQ, 256, 1),
}


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Options of a build; `auto` depends on the number of items. Raises ConfigError for values out of range."""

    shards: int | Literal["auto"] = "auto"
    encoding: Encoding | Literal["auto"] = "auto"
    recall: float | Literal["auto"] = "auto"  # recall@10 of composed queries that the number of probed lists is set for

    def __post_init__(self) -> None:
        if self.shards != "auto" and not 1 <= self.shards <= MOST_SHARDS:
            raise ConfigError(f"{self.shards} shards are not possible: choose 1 to {MOST_SHARDS}")
        if self.recall != "auto" and not 0 < self.recall <= 1:
            raise ConfigError(f"a recall of {self.recall} is not possible: choose one above 0, up to 1")

    def shards_of(self, count: int) -> int:
        """Number of shards of a gallery of `count` items: as few as possible, since each slows every search."""
        return max(1, faiss.get_num_gpus(), -(-count // SHARD)) if self.shards == "auto" else self.shards

    def encoding_of(self, count: int) -> Encoding:
        """Encoding of a gallery of `count` items."""
        return encoding_for(count) if self.encoding == "auto" else self.encoding

    def goal_of(self, count: int) -> float:
        """Recall@10 that a build of `count` items aims at."""
        return recall_goal(count) if self.recall == "auto" else self.recall


DEFAULT_OPTIONS = IndexOptions()


def encoding_for(count: int) -> Encoding:
    """Default encoding of a gallery of `count` items."""
    if count <= SMALL:
        return "flat"
    return "sq8" if count < HUGE else "rabitq"


def recall_goal(count: int) -> float:
    """Default recall@10 of a build: higher for a small gallery, which can afford it."""
    return 0.99 if count <= SMALL else 0.95


def code_bytes(encoding: Encoding, dimension: int) -> int:
    """Approximate size of the code of one vector, in bytes."""
    return ENCODING_FACTS[encoding].bits * dimension // 8 + (8 if encoding == "rabitq" else 0)


def empty(encoding: Encoding, *, dimension: int, nlist: int, coarse: faiss.Index | None = None) -> faiss.IndexIVF:
    """An untrained IVF index of that encoding, for inner products, with the lists of `coarse` if it is given."""
    coarse, metric = coarse or faiss.IndexFlatIP(dimension), faiss.METRIC_INNER_PRODUCT
    made: faiss.IndexIVF
    match encoding:
        case "flat":
            made = faiss.IndexIVFFlat(coarse, dimension, nlist, metric)
        case "fp16" | "sq8":
            kind = faiss.ScalarQuantizer.QT_fp16 if encoding == "fp16" else faiss.ScalarQuantizer.QT_8bit
            made = faiss.IndexIVFScalarQuantizer(coarse, dimension, nlist, kind, metric)
        case "rabitq":
            made = faiss.IndexIVFRaBitQ(coarse, dimension, nlist, metric)
    made.cp.min_points_per_centroid = 1  # a gallery may have one item only
    return made


def empty_like(index: faiss.IndexIVF, *, encoding: Encoding) -> faiss.IndexIVF:
    """An index without rows that shares the lists of another of that encoding and encodes as it does."""
    made = empty(encoding, dimension=int(index.d), nlist=int(index.nlist), coarse=index.quantizer)
    made.by_residual, made.is_trained = index.by_residual, True
    if isinstance(made, faiss.IndexIVFScalarQuantizer):
        made.sq = cast(faiss.IndexIVFScalarQuantizer, index).sq
    return made


def write(index: faiss.Index, path: Path) -> None:
    """Writes an index to its file; raises GalleryError if the disk is full."""
    try:
        with path.open("wb") as file:  # FAISS itself only prints what fails when it closes a file
            faiss.write_index(index, cast(_Writers, faiss).PyCallbackIOWriter(file.write))
    except (OSError, RuntimeError) as error:
        raise GalleryError(f"{path} cannot be written ({error}): make room and try again") from error


def read(path: Path) -> faiss.IndexIVF:
    """A trained index from its file; raises GalleryBroken if the file is not one."""
    try:
        found = faiss.read_index(str(path))
    except RuntimeError as error:
        raise GalleryBroken(f"{path} is not a FAISS index ({error}): roll back or rebuild the gallery") from error
    if not isinstance(found, faiss.IndexIVF):
        raise GalleryBroken(
            f"{path} is a {type(found).__name__}, not a trained IVF index: roll back or rebuild the gallery"
        )
    return found


class _Writers(Protocol):
    """Part of FAISS that its type stubs lack: a writer that passes each block to a function."""

    PyCallbackIOWriter: Callable[[Callable[[bytes], int]], faiss.IOWriter]
