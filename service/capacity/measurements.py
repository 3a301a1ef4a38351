"""The measurements in measured.json, which deploy/benchmarks/vectors writes, and functions fitted to them."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from index.vectors.encodings import Encoding, IndexOptions, code_bytes
from index.vectors.shards import TRAINING_POINTS_PER_LIST, lists
from models.errors import ConfigError

FILE = Path(__file__).with_name("measured.json")
ID = 8  # bytes of a vector's number in a list
SINGLE = ("read", "words", "tune", "publish", "rest")  # parts of a build that one core does
SHARED = ("train", "add", "exact")  # those that all cores do

Row: TypeAlias = Mapping[str, Any]
Term: TypeAlias = Callable[[Row], float]


@dataclass(frozen=True, slots=True)
class Fit:
    """A sum of terms, each with the factor that was fitted to measurements."""

    terms: Sequence[Term]
    factors: Sequence[float]

    def __call__(self, row: Row) -> float:
        return float(sum(factor * term(row) for factor, term in zip(self.factors, self.terms, strict=True)))


@dataclass(frozen=True, slots=True)
class Measurements:
    """Galleries that were built and searched, encoders, and Milvus; all figures of one file."""

    galleries: Sequence[Row]
    encoders: Mapping[str, Row]
    milvus: Row

    @classmethod
    def read(cls, path: Path = FILE, *, most: float = math.inf) -> "Measurements":
        """Read the file, only galleries of at most `most` items; raises ConfigError if there are too few."""
        facts = json.loads(path.read_text(encoding="utf-8"))
        galleries = [row for row in facts["galleries"] if row["items"] <= most]
        if len({row["items"] for row in galleries}) < 2:
            raise ConfigError(f"{path} has galleries of less than two sizes: run deploy/benchmarks/vectors/scale.py")
        return cls(galleries, facts["encoders"], facts["milvus"])

    @property
    def most(self) -> int:
        """The items of the largest gallery that was measured."""
        return max(int(row["items"]) for row in self.galleries)

    def encoded(self, encoding: str) -> Sequence[Row]:
        """The galleries of an encoding; those of sq8 stand for flat and fp16, which are not measured at this size."""
        chosen = encoding if encoding == "rabitq" else "sq8"
        return [row for row in self.galleries if row["encoding"] == chosen]

    def part_cpu_s(self, part: str, encoding: str) -> Fit:
        """CPU seconds of one part of a build; the row has items, dimension and probed."""
        by_part: Mapping[str, Sequence[Term]] = {
            "train": (trained,),
            "add": (assigned, numbers),
            "tune": (items, scanned),
        }
        rows = [row for row in self.encoded(encoding) if "cpu_seconds" in row]  # a recoded one was not built
        return fit(by_part.get(part, (items,)), rows, lambda row: row["cpu_seconds"][part])

    def build_bytes(self) -> Fit:
        """Anonymous memory of a build, beside the model's."""
        rows = [row for row in self.galleries if "build_anonymous" in row]
        return fit((one, items, sampled), rows, lambda row: row["build_anonymous"])

    def serve_bytes(self) -> Fit:
        """Anonymous memory of one serving process, beside the model's; the vectors and shards are mapped."""
        return fit((one, items), self.galleries, lambda row: row["serve_anonymous"])

    def items_bytes(self) -> Fit:
        """Files of a snapshot other than vectors and shards: items, attributes, words."""
        return fit((one, items), self.galleries, _item_files)

    def shard_bytes(self, encoding: Encoding, row: Row) -> float:
        """The shards: of each vector its code and its number, and in each shard the centroids of all lists."""
        count, dimension = int(row["items"]), int(row["dimension"])
        centroids = IndexOptions().shards_of(count) * lists(count) * dimension * 4
        return count * (code_bytes(encoding, dimension) + ID) + centroids

    def probed(self, encoding: str) -> Callable[[float], float]:
        """Lists that a search probes in the median, by the number of images.

        Their share of all is interpolated between the galleries measured, in logarithms; beyond, it is the last one's.
        """
        rows = sorted(self.encoded(encoding), key=items)
        sizes = np.log([items(row) for row in rows])
        shares = np.log([row["probed"] / lists(int(row["items"])) for row in rows])
        return lambda images: lists(int(images)) * float(np.exp(np.interp(np.log(images), sizes, shares)))

    def search_ms(self, encoding: str, name: str = "cpu_ms") -> Fit:
        """Milliseconds of a search: of the CPU, or p50_ms; the row has items, dimension and probed."""
        return fit((one, coarse, scanned), self.encoded(encoding), lambda row: row[name])

    def filter_factor(self, encoding: str, images: float) -> float:
        """How many times the CPU time a search takes with a filter that keeps a tenth, in the gallery nearest in size.

        The codes of a filter's rows are copied if they are few (56 MiB), and each row is tested if they are not.
        """
        near = min(self.encoded(encoding), key=lambda row: abs(math.log(images / items(row))))
        return float(near["filter_10"]["cpu_ms"] / near["cpu_ms"])

    def lists_factor(self, recall: float, encoding: str) -> float:
        """How many times the lists of recall@10 .95 another recall takes, between the measured ones.

        Raises ConfigError if it is beyond them.
        """
        several = [row for row in self.encoded(encoding) if len(row["goals"]) > 1]
        largest = max(several, key=items)["goals"]
        goals = sorted(largest, key=float)
        if not float(goals[0]) <= recall <= float(goals[-1]):
            raise ConfigError(f"a recall of {recall} was not measured: choose one from {goals[0]} to {goals[-1]}")
        missed = [-math.log(1 - float(goal)) for goal in goals]
        nprobe = [math.log(largest[goal]["nprobe"]) for goal in goals]
        wanted, usual = np.interp([-math.log(1 - recall), -math.log(0.05)], missed, nprobe)
        return math.exp(wanted - usual)


@cache
def measurements() -> Measurements:
    """Those of the repository."""
    return Measurements.read()


def fit(terms: Sequence[Term], rows: Sequence[Row], value: Callable[[Row], float]) -> Fit:
    """The factors, none below zero, that make the squares of the relative errors least."""
    values = np.array([value(row) for row in rows], float)
    table = np.array([[term(row) for term in terms] for row in rows], float) / np.maximum(values, 1e-9)[:, np.newaxis]
    scale = np.abs(table).max(axis=0)
    table /= scale
    chosen = list(range(len(terms)))
    while True:
        solved = np.linalg.lstsq(table[:, chosen], np.ones(len(rows)), rcond=None)[0]
        if len(chosen) == 1 or solved.min() >= 0:
            break
        chosen.pop(int(solved.argmin()))
    factors = np.zeros(len(terms))
    factors[chosen] = np.maximum(solved, 0)
    return Fit(terms, (factors / scale).tolist())


def one(row: Row) -> float:
    """A part that does not depend on the gallery."""
    return 1.0


def items(row: Row) -> float:
    """Items of a gallery."""
    return float(row["items"])


def numbers(row: Row) -> float:
    """Components of all vectors."""
    return float(row["items"]) * float(row["dimension"])


def trained(row: Row) -> float:
    """Products of an iteration of k-means: training points × lists × dimension."""
    nlist = lists(int(row["items"]))
    return float(min(row["items"], TRAINING_POINTS_PER_LIST * nlist)) * nlist * float(row["dimension"])


def sampled(row: Row) -> float:
    """Bytes of the vectors that lists are trained with, in single precision."""
    return trained(row) / lists(int(row["items"])) * 4


def assigned(row: Row) -> float:
    """Products of adding: each vector is compared with each list."""
    return numbers(row) * lists(int(row["items"]))


def coarse(row: Row) -> float:
    """Products of a query with the centroids of all lists."""
    return float(lists(int(row["items"]))) * float(row["dimension"])


def scanned(row: Row) -> float:
    """Components of the codes in the lists that a query is searched in."""
    return float(row["items"]) * float(row["probed"]) / lists(int(row["items"])) * float(row["dimension"])


def _item_files(row: Row) -> float:
    return float(sum(count for name, count in row["bytes"].items() if name not in ("vectors.npy", "shards")))
