"""Methods that turn an image into one pseudo-word on a frozen CLIP: what Pic2Word, SEARLE and LinCIR share."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from models.nets import weighted_sum
from models.nets.backbone import Backbone
from models.nets.pseudo_word import PseudoWord, PseudoWordComposeGraph, PseudoWordReferenceGraph
from models.tokenizer import Tokenizer
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import Graphs, Split
from training.engine import backbones, checkpoint
from training.engine.settings import BackboneConfig, Section
from training.methods.stages.pseudo_sentence import mapping_template, pseudo_sentence


class PseudoWordConfig(Section):
    """A mapping network over a frozen CLIP; a subclass adds the network and its stages."""

    stages: ClassVar[tuple[str, ...]]
    triplets: ClassVar[None] = None

    seed: int
    template: str = Field(default="a photo of * that {text}", pattern=r"\*.*\{text\}")
    backbone: BackboneConfig

    @abstractmethod
    def untrained(self, run: Path) -> PseudoWord:
        """Return the net of a run, its mapping network untrained."""

    def best(self, run: Path) -> PseudoWord:
        """Return the net with the best weights of its last stage; raises ConfigError if it has not ended."""
        net = self.untrained(run)
        checkpoint.load(net, checkpoint.best(run / self.stages[-1]))
        return net.eval().requires_grad_(False)

    def clip(self, run: Path) -> Backbone:
        """Return the run's CLIP and seed torch, so that the network begins alike whatever CLIP's weights came from."""
        backbone = backbones.backbone(self.backbone, run, seed=self.seed)
        torch.manual_seed(self.seed)
        return backbone

    def sentence(self, tokenizer: Tokenizer) -> tuple[Tensor, int]:
        """Return token ids (1, L) of the template without a wanted change, and the pseudo-word's column in them."""
        return pseudo_sentence(mapping_template(self.template), tokenizer)

    def model(self, method: str, run: Path) -> FinishedModel:
        """Return the finished model of a run; its gallery is the frozen CLIP's."""
        net = self.best(run)
        _, slot = self.sentence(backbones.write_tokenizer(self.backbone, run / backbones.TOKENIZER))
        return FinishedModel(
            method=method,
            backbone=self.backbone.name,
            template=self.template,
            text_weight=0.0,
            graphs=Graphs(
                gallery=weighted_sum.ImageGraph(net.backbone),
                query=Split(PseudoWordReferenceGraph(net), PseudoWordComposeGraph(net, slot=slot), features=("word",)),
                text=weighted_sum.TextGraph(net.backbone),
            ),
            tokenizer_file=run / backbones.TOKENIZER,
        )
