"""CLIP4Cir (Baldrati et al., 2023), a baseline: a combiner of the two embeddings of a frozen CLIP."""

from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor

from models.nets.backbone import Backbone
from models.nets.clip4cir import Clip4Cir, Clip4CirComposeGraph, Clip4CirReferenceGraph
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import Split
from training.engine import frozen
from training.methods.clip_run import frozen_graphs
from training.methods.frozen_clip import FrozenClipConfig, HeadConfig


class Clip4CirConfig(FrozenClipConfig):
    """A run of CLIP4Cir."""

    stages: ClassVar[tuple[str, ...]] = ("combiner",)

    method: Literal["clip4cir"]
    combiner: HeadConfig

    @property
    def head(self) -> HeadConfig:
        """The config of the one stage."""
        return self.combiner

    @staticmethod
    def see(backbone: Backbone, image: Tensor) -> Tensor:
        """Return the image embedding at its own length (B, d)."""
        return frozen.embedding(backbone, image)

    def untrained(self, run: Path) -> Clip4Cir:
        """Return the net of a run, its combiner untrained."""
        return Clip4Cir(self.clip(run), dropout=self.head.dropout)

    def best(self, run: Path) -> Clip4Cir:
        """Return the net of a finished run with its best weights; raises ConfigError if it has not ended."""
        return self.load_best(self.untrained(run), run)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; see `Method.finished`."""
        net = self.best(run)
        query = Split(Clip4CirReferenceGraph(net), Clip4CirComposeGraph(net), features=("image",))
        return self.model(self.method, run, frozen_graphs(net.backbone, query))
