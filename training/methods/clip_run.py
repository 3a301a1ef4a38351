"""Base of the configs of methods that add modules to a CLIP: its creation, the data's inputs, and the export."""

from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from models.nets import weighted_sum
from models.nets.backbone import Backbone
from models.nets.towers import Towers
from models.tokenizer import Tokenizer
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import Graphs, OfVectors, Split
from training.data.sources.run_inputs import RunInputs
from training.engine import backbones, loop
from training.engine.distributed import World
from training.engine.loop import BatchOf, Stage
from training.engine.settings import BackboneConfig, LoopConfig, OptimConfig, Section


class Trained(Protocol):
    """A section of a config that trains a stage."""

    @property
    def optim(self) -> OptimConfig:
        """The optimizer's settings."""

    @property
    def loop(self) -> LoopConfig:
        """The loop's settings."""


class ClipRunConfig(Section):
    """A run over a CLIP; a subclass adds the stages, and a template of its own."""

    seed: int
    template: str
    backbone: BackboneConfig

    def write_tokenizer(self, run: Path) -> Tokenizer:
        """Write the tokenizer of the run if it is missing, and open it; `clip` needs the file."""
        return backbones.write_tokenizer(self.backbone, run / backbones.TOKENIZER)

    def clip(self, run: Path) -> Backbone:
        """Return the run's CLIP and seed torch, so that added modules begin alike whatever its weights came from."""
        backbone = backbones.backbone(self.backbone, run, seed=self.seed)
        torch.manual_seed(self.seed)
        return backbone

    def inputs(self, run: Path, backbone: Backbone) -> RunInputs:
        """Return what the run's sources of data need."""
        cache = run.parent / "cache"
        return RunInputs(backbone, self.write_tokenizer(run), template=self.template, seed=self.seed, cache=cache)

    def fit(self, stage: Stage[BatchOf], part: Trained, *, folder: Path, world: World) -> None:
        """Train a stage in `folder` as its section says; see `loop.fit`."""
        loop.fit(stage, seed=self.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)

    def model(self, method: str, run: Path, graphs: Graphs, *, text_weight: float = 0.0) -> FinishedModel:
        """Return the finished model of a run, called `method`."""
        return FinishedModel(
            method=method,
            backbone=self.backbone.name,
            template=self.template,
            text_weight=text_weight,
            graphs=graphs,
            tokenizer_file=run / backbones.TOKENIZER,
        )


def frozen_graphs(backbone: Towers, query: nn.Module | Split | OfVectors | None) -> Graphs:
    """Return the graphs of a CLIP whose gallery and text embeddings are its own, with this query graph, or without."""
    return Graphs(gallery=weighted_sum.ImageGraph(backbone), query=query, text=weighted_sum.TextGraph(backbone))
