"""Loss of recall of a bundle in a lower precision, against the bundle that it was made from, query by query."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.encoder import Encoder
from models.errors import LikebutError
from training.evaluation import drawn_catalogue, evaluate
from training.evaluation.benchmarks import published
from training.evaluation.drawn_queries import ShopEvaluation
from training.evaluation.evaluate import Checked
from training.evaluation.result import Estimate, Result

WEAK = 0.05  # recall at 1 below which a model knows too little of the shop for its loss to mean much
_TEXT = "text only"


class RecallLost(LikebutError):
    """The bundle in a lower precision finds too much less; nothing was written."""


@dataclass(frozen=True, slots=True)
class MetricLoss:
    """One metric of one way to query: before, after, and the difference with its interval, paired by query."""

    way: str
    metric: str
    before: float
    after: float
    lost: Estimate  # before − after

    def __str__(self) -> str:
        """Return as ".964 → .961, lost .003 [.000, .006]"."""
        low, high = self.lost.low, self.lost.high
        return f"{self.before:.3f} → {self.after:.3f}, lost {self.lost.value:+.4f} [{low:+.4f}, {high:+.4f}]"


@dataclass(frozen=True, slots=True)
class DrawnValidation:
    """Queries in a drawn shop of the val split."""

    products: int
    queries: int
    seed: int
    cache: Path

    def measure(self, encoder: Encoder, *, date: str) -> Result:
        """Evaluate a bundle."""
        run = ShopEvaluation(
            encoder=encoder,
            split="val",
            products=self.products,
            queries=self.queries,
            seed=self.seed,
            text_weight=encoder.manifest.text_weight,
            date=date,
            cache=self.cache,
        )
        return drawn_catalogue.composed(run)


@dataclass(frozen=True, slots=True)
class PublishedValidation:
    """A benchmark's own queries, of the first split that it has the answers of."""

    checked: Checked
    cache: Path

    @classmethod
    def load(cls, name: str, folder: Path, *, cache: Path) -> "PublishedValidation":
        """Read a benchmark's files; raises InputError if any is missing."""
        preset = published.PRESETS[name]
        benchmark = published.load(name, folder, split=preset.splits[0], variant=next(iter(preset.variants)))
        return cls(evaluate.check(benchmark, allow_missing=False), cache)

    def measure(self, encoder: Encoder, *, date: str) -> Result:
        """Evaluate a bundle."""
        weight = encoder.manifest.text_weight
        return evaluate.evaluate(encoder, self.checked, text_weight=weight, date=date, cache=self.cache)


def losses(before: Result, after: Result) -> list[MetricLoss]:
    """Return the loss of every metric, of the bundle's own queries and of text alone."""
    found = []
    for way, later in ((before.own, after.own), (_TEXT, _TEXT)):
        old, new = before.values(way), after.values(later)
        for metric in before.protocol.scoring.metrics:
            first, second = old[metric], new[metric]
            lost = Estimate.from_values(first - second)
            found.append(MetricLoss(way, metric, float(first.mean()), float(second.mean()), lost))
    return found


def check(found: Sequence[MetricLoss], *, allowed: float) -> None:
    """Raise RecallLost if any metric loses more than `allowed`."""
    worst = max(found, key=lambda loss: loss.lost.value)
    if worst.lost.value > allowed:
        raise RecallLost(
            f"{worst.metric} of {worst.way} falls from {worst.before:.3f} to {worst.after:.3f}, by more than"
            f" {allowed:g}: nothing was written; keep more matrices in float32 (--keep), or allow it (--allow-loss)"
        )
