"""Result of a benchmark: the protocol, the bundle, and the answers of each way to query, query by query."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from models import files
from models.arrays import Values
from models.bundle import Manifest
from models.errors import ConfigError
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.metrics import bootstrap, retrieval

NEVER = 2**31 - 1  # rank of an item that is not in the gallery, since its image is missing
RANKING_NAMES = 50  # names of a ranking, at most
# The shopper's own texts, template texts of two captions, or the shopper's as paraphrases or with typos.
# Or in the words of a phrasebook that no training has read.
Texts = Literal["written", "generated", "paraphrased", "misspelt", "editorial", "second-language", "practical"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """Protocol of an evaluation: two results are comparable if their protocols are equal."""

    benchmark: str
    variant: str
    split: str
    says: dict[str, str]  # the rest of the protocol in words
    scoring: Scoring
    galleries: dict[str, int]  # items ranked
    queries: int


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """The evaluated bundle and its settings."""

    method: str
    model_id: str  # with the digest of all weights
    space_id: str
    template: str
    text_weight: float
    texts: Texts = "written"  # the texts of the queries, or others in their place
    preprocessing: str = ""  # how an image becomes pixels; empty in results of earlier versions

    @classmethod
    def from_manifest(
        cls, manifest: Manifest, *, template: str, text_weight: float, texts: Texts = "written"
    ) -> "EvaluatedModel":
        """Describe the bundle of that manifest."""
        pixels = manifest.preprocessing
        return cls(
            method=manifest.method,
            model_id=manifest.model_id,
            space_id=manifest.space_id,
            template=template,
            text_weight=text_weight,
            texts=texts,
            preprocessing=f"{pixels.resize} to {pixels.image_size}, {pixels.interpolation}",
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its 95 % bootstrap interval over queries."""

    value: float
    low: float
    high: float

    @classmethod
    def from_values(cls, values: Values) -> "Estimate":
        """Return the mean of one value per query."""
        low, high = bootstrap.interval(values)
        return cls(value=float(values.mean()), low=low, high=high)


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers of one way to query, one entry per query."""

    ranks: tuple[tuple[int, ...], ...]  # of the relevant items in the query's order, from 1, or NEVER
    first: tuple[tuple[str, ...], ...]  # names, best first, up to RANKING_NAMES
    subset: tuple[tuple[str, ...], ...] = ()  # CIRR: the names of the query's subset, best first

    def take(self, rows: Sequence[int]) -> "Answers":
        """Return the answers to some of the queries, in their order."""
        return Answers(
            ranks=tuple(self.ranks[row] for row in rows),
            first=tuple(self.first[row] for row in rows),
            subset=tuple(self.subset[row] for row in rows) if self.subset else (),
        )

    @property
    def best(self) -> NDArray[np.int64]:
        """The rank of each query's best relevant item (B,)."""
        return np.array([min(ranks) for ranks in self.ranks], dtype=np.int64)

    @property
    def target(self) -> NDArray[np.int64]:
        """The rank of each query's target (B,)."""
        return np.array([ranks[0] for ranks in self.ranks], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one bundle on one benchmark."""

    protocol: Protocol
    model: EvaluatedModel
    date: str  # ISO 8601, time of the evaluation
    notes: tuple[str, ...]  # what a reader must know first: missing images
    rows: dict[str, dict[str, Estimate]]  # way to query, or "way, group" → metric → estimate
    queries: tuple[BenchmarkQuery, ...]
    answers: dict[str, Answers]  # way to query → the answers that the estimates are computed from

    @property
    def own(self) -> str:
        """The bundle's own way to query: the last, and so re-ranked if a re-ranker was used."""
        return list(self.answers)[-1]

    @classmethod
    def from_answers(
        cls,
        protocol: Protocol,
        model: EvaluatedModel,
        queries: Sequence[BenchmarkQuery],
        answers: Mapping[str, Answers],
        *,
        date: str,
        notes: Sequence[str] = (),
    ) -> "Result":
        """Estimate the metrics of all answers, and of each group of queries in rows of their own."""
        rows: dict[str, dict[str, Estimate]] = {}
        for way, answered in answers.items() if protocol.scoring.metrics else ():
            rows[way] = _estimates(values(protocol.scoring, queries, answered))
            plain = _plain(protocol.scoring, queries, answered)
            for group, members in groups(queries).items():
                rows[f"{way}, {group}"] = _estimates({metric: column[members] for metric, column in plain.items()})
        return cls(protocol, model, date, tuple(notes), rows, tuple(queries), dict(answers))

    def values(self, way: str) -> dict[str, Values]:
        """Return each metric's value for every query (B,) of a way to query."""
        return values(self.protocol.scoring, self.queries, self.answers[way])

    def facts(self) -> dict[str, object]:
        """Return protocol, bundle and date as lines."""
        protocol, sizes = self.protocol, (f"{name} {count}" for name, count in self.protocol.galleries.items())
        return {
            "benchmark": protocol.benchmark,
            "variant": protocol.variant,
            "split": protocol.split,
            **protocol.says,
            "galleries": ", ".join(sizes),
            "queries": protocol.queries,
            **asdict(self.model),
            "date": self.date,
        }

    def summary(self) -> dict[str, object]:
        """Return plain values for `json.dumps`, without the single queries."""
        return {
            "protocol": asdict(self.protocol),
            "model": asdict(self.model),
            "date": self.date,
            "notes": list(self.notes),
            "rows": {name: {metric: asdict(e) for metric, e in row.items()} for name, row in self.rows.items()},
        }

    def write(self, path: Path) -> None:
        """Write the whole result as JSON, so that it can be compared later."""
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, _RESULT.dump_json(self))

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read a file of `write`; raises ConfigError for anything else."""
        try:
            return _RESULT.validate_json(path.read_bytes())
        except OSError as error:
            raise ConfigError(f"no result can be read at {path}: {error.strerror}") from error
        except ValidationError as error:
            sentence = f"{path} is not a result of this version: make it by likebut evaluate … --out FILE"
            raise ConfigError(sentence) from error


_RESULT = TypeAdapter(Result)


def values(scoring: Scoring, queries: Sequence[BenchmarkQuery], answers: Answers) -> dict[str, Values]:
    """Return each metric's value for every query (B,); its mean is the metric.

    If the metric is the mean of groups, a query of a small group weighs more: B / (groups · queries of its group).
    """
    plain = _plain(scoring, queries, answers)
    if scoring.mean == "queries":
        return plain
    members_of = groups(queries)
    weights = np.zeros(len(queries))
    for members in members_of.values():
        weights[members] += len(queries) / (len(members_of) * len(members))
    return {metric: column * weights for metric, column in plain.items()}


def groups(queries: Sequence[BenchmarkQuery]) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each group's queries, in the order of the groups' first queries."""
    members_of: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        for group in query.groups:
            members_of.setdefault(group, []).append(row)
    return {group: np.array(rows, dtype=np.int64) for group, rows in members_of.items()}


def _plain(scoring: Scoring, queries: Sequence[BenchmarkQuery], answers: Answers) -> dict[str, Values]:
    """Return each metric's unweighted value for every query (B,)."""
    columns: dict[str, Values] = {}
    for metric in scoring.metrics:
        kind, _, k = metric.partition("@")
        match kind:
            case "R":
                ranks = answers.target if scoring.counts == "target" else answers.best
                columns[metric] = (ranks <= int(k)).astype(np.float64)
            case "R_subset":
                pairs = zip(queries, answers.subset, strict=True)
                columns[metric] = np.array([float(query.relevant[0] in subset[: int(k)]) for query, subset in pairs])
            case "HN":
                pairs = zip(queries, answers.first, strict=True)
                columns[metric] = np.array([_negatives(query, first[: int(k)]) / int(k) for query, first in pairs])
            case "mAP":
                ranks_of = (np.sort(np.array(ranks)) for ranks in answers.ranks)
                precisions = [retrieval.average_precision(ranks, int(k), relevant=len(ranks)) for ranks in ranks_of]
                columns[metric] = np.array(precisions)
            case _:
                raise ConfigError(f"there is no metric {metric!r}: take R@k, R_subset@k, HN@k or mAP@k")
    return columns


def _negatives(query: BenchmarkQuery, first: Sequence[str]) -> int:
    """Return how many of the first names are explicit negatives of the query."""
    return len(set(query.negatives) & set(first))


def _estimates(columns: Mapping[str, Values]) -> dict[str, Estimate]:
    return {metric: Estimate.from_values(column) for metric, column in columns.items()}
