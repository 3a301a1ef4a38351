"""A benchmark's result: what was asked, of which bundle, and how each way of asking it fared, query by query."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from models.bundle import Manifest
from models.errors import ConfigError
from training.evaluation import metrics

KS = (1, 5, 10, 50)
Texts = Literal["written", "generated"]  # a shopper's own, or what templates make of two captions


@dataclass(frozen=True, slots=True)
class Protocol:
    """What was asked: two results may be compared where all of it is the same."""

    benchmark: str
    world: int  # version of the drawn world
    split: str
    seed: int
    gallery: int  # items ranked
    queries: int
    relevant_mean: float  # items that satisfy a query, on average
    reference_excluded: bool


@dataclass(frozen=True, slots=True)
class Model:
    """Which bundle was asked, and how."""

    method: str
    model_id: str
    space_id: str
    template: str
    text_weight: float
    texts: Texts = "written"  # with the texts of the queries, or with generated ones in their place

    @classmethod
    def of(cls, manifest: Manifest, *, template: str, text_weight: float, texts: Texts = "written") -> "Model":
        """The bundle of that manifest."""
        return cls(
            method=manifest.method,
            model_id=manifest.model_id,
            space_id=manifest.space_id,
            template=template,
            text_weight=text_weight,
            texts=texts,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its 95 % bootstrap interval over queries."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: metrics.Values) -> "Estimate":
        """The mean of one value a query."""
        low, high = metrics.interval(values)
        return cls(value=float(values.mean()), low=low, high=high)


@dataclass(frozen=True, slots=True)
class Answers:
    """How one way of asking fared, a value a query."""

    first_ranks: tuple[int, ...]  # of the best relevant item, from 1
    average_precisions: tuple[float, ...]  # AP@10

    @property
    def ranks(self) -> NDArray[np.int64]:
        """`first_ranks` as an array (B,)."""
        return np.array(self.first_ranks, dtype=np.int64)

    def values(self) -> dict[str, metrics.Values]:
        """Each metric's value for every query (B,)."""
        recalls = {f"R@{k}": (self.ranks <= k).astype(np.float64) for k in KS}
        return {**recalls, "mAP@10": np.array(self.average_precisions)}


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark of one bundle."""

    protocol: Protocol
    model: Model
    rows: dict[str, dict[str, Estimate]]  # way of asking → metric → estimate
    queries: dict[str, Answers]  # way of asking → what the estimates are of

    @classmethod
    def of(
        cls,
        protocol: Protocol,
        model: Model,
        answers: Mapping[str, Answers],
        *,
        unseen: NDArray[np.bool_] | None = None,
    ) -> "Result":
        """Estimates of all the answers, and of those to the `unseen` queries (B,) in rows of their own."""
        rows: dict[str, dict[str, Estimate]] = {}
        for name, found in answers.items():
            values = found.values()
            rows[name] = {metric: Estimate.of(column) for metric, column in values.items()}
            if unseen is not None and unseen.any():
                rows[f"{name}, unseen"] = {metric: Estimate.of(column[unseen]) for metric, column in values.items()}
        return cls(protocol=protocol, model=model, rows=rows, queries=dict(answers))

    def summary(self) -> dict[str, object]:
        """Plain values for `json.dumps`, without the single queries."""
        return {
            "protocol": asdict(self.protocol),
            "model": asdict(self.model),
            "rows": {name: {metric: asdict(e) for metric, e in row.items()} for name, row in self.rows.items()},
        }

    def write(self, path: Path) -> None:
        """Keeps the whole result as JSON, so that it can be compared later."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}")
        part.write_bytes(_RESULT.dump_json(self))
        part.replace(path)  # never half a result

    @classmethod
    def read(cls, path: Path) -> "Result":
        """What `write` kept; raises ConfigError for anything else."""
        try:
            return _RESULT.validate_json(path.read_bytes())
        except OSError as error:
            raise ConfigError(f"no result can be read at {path}: {error.strerror}") from error
        except ValidationError as error:
            raise ConfigError(
                f"{path} is not a result of this version: make it by likebut evaluate … --out FILE"
            ) from error


_RESULT = TypeAdapter(Result)
