"""TransAgg (Liu et al., 2023), a baseline: a transformer over the tokens of both towers of a frozen CLIP."""

from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor

from models.nets.backbone import Backbone
from models.nets.transagg import TransAgg, TransAggQueryGraph
from training.bundles.export import FinishedModel
from training.engine import frozen
from training.methods.clip_run import frozen_graphs
from training.methods.frozen_clip import FrozenClipConfig, HeadConfig


class TransAggConfig(FrozenClipConfig):
    """A run of TransAgg."""

    stages: ClassVar[tuple[str, ...]] = ("aggregating",)

    method: Literal["transagg"]
    aggregating: HeadConfig

    @property
    def head(self) -> HeadConfig:
        """The config of the one stage."""
        return self.aggregating

    @staticmethod
    def see(backbone: Backbone, image: Tensor) -> Tensor:
        """Return the image states (B, 1+N, d)."""
        return frozen.states(backbone, image)

    def untrained(self, run: Path) -> TransAgg:
        """Return the net of a run, its head untrained."""
        return TransAgg(self.clip(run), dropout=self.head.dropout)

    def best(self, run: Path) -> TransAgg:
        """Return the net of a finished run with its best weights; raises ConfigError if it has not ended."""
        return self.load_best(self.untrained(run), run)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; see `Method.finished`."""
        net = self.best(run)
        return self.model(self.method, run, frozen_graphs(net.backbone, TransAggQueryGraph(net)))
