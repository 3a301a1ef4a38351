"""Methods that turn an image into one pseudo-word on a frozen CLIP: what Pic2Word, SEARLE and LinCIR share."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from models.nets.pseudo_word import PseudoWord, PseudoWordComposeGraph, PseudoWordReferenceGraph
from models.tokenizer import Tokenizer
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import Split
from training.engine import checkpoint
from training.engine.settings import LoopConfig, OptimConfig, Section
from training.methods.clip_run import ClipRunConfig, frozen_graphs
from training.methods.stages.pseudo_sentence import mapping_template, pseudo_sentence


class NetworkConfig(Section):
    """A stage that trains the mapping network."""

    dropout: float = Field(default=0.5, ge=0, lt=1)
    optim: OptimConfig
    loop: LoopConfig


class PseudoWordConfig(ClipRunConfig):
    """A mapping network over a frozen CLIP; a subclass adds the network and its stages."""

    stages: ClassVar[tuple[str, ...]]
    triplets: ClassVar[None] = None

    template: str = Field(default="a photo of * that {text}", pattern=r"\*.*\{text\}")

    @abstractmethod
    def untrained(self, run: Path) -> PseudoWord:
        """Return the net of a run, its mapping network untrained."""

    def best(self, run: Path) -> PseudoWord:
        """Return the net with the best weights of its last stage; raises ConfigError if it has not ended."""
        net = self.untrained(run)
        checkpoint.load(net, checkpoint.best(run / self.stages[-1]))
        return net.eval().requires_grad_(False)

    def sentence(self, tokenizer: Tokenizer) -> tuple[Tensor, int]:
        """Return token ids (1, L) of the template without a wanted change, and the pseudo-word's column in them."""
        return pseudo_sentence(mapping_template(self.template), tokenizer)

    def pseudo_word_model(self, method: str, run: Path) -> FinishedModel:
        """Return the finished model of a run; its gallery is the frozen CLIP's."""
        net = self.best(run)
        _, slot = self.sentence(self.write_tokenizer(run))
        query = Split(PseudoWordReferenceGraph(net), PseudoWordComposeGraph(net, slot=slot), features=("word",))
        return self.model(method, run, frozen_graphs(net.backbone, query))
