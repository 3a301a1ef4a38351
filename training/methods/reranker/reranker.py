"""A re-ranker of a bundle's first hits: its run, and its finished model."""

from pathlib import Path
from typing import ClassVar, Literal

import torch

from models import bundle
from models.bundle import Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from models.nets.reranker import Reranker, RerankerShape
from training.data.config import DrawnTriplets
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.engine.settings import BackboneConfig, LoopConfig, Section
from training.methods.reranker.candidates import DrawnCandidates
from training.methods.reranker.config import RerankingConfig
from training.methods.reranker.extend_bundle import FinishedReranker
from training.methods.reranker.stage import RerankingStage

RERANKING = "reranking"
FIRST = "first"  # copy of the bundle that ranks: another may replace it at its path before the export


class RerankConfig(Section):
    """A run of a re-ranker."""

    stages: ClassVar[tuple[str, ...]] = (RERANKING,)

    method: Literal["rerank"]
    seed: int
    bundle: str  # the folder of the model that ranks first; its CLIP must be frozen
    reranking: RerankingConfig

    @property
    def device(self) -> str:
        """The device to train on."""
        return self.reranking.loop.device

    @property
    def triplets(self) -> tuple[DrawnTriplets, LoopConfig]:
        """The triplets to learn from, and how long."""
        return self.reranking.data, self.reranking.loop

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train the re-ranker in the folder reranking of `out`; see `Method.train`."""
        part = self.reranking
        with world.first():
            first = _copied(Path(self.bundle), out / FIRST)
            net = self.untrained(out, first=first).to(world.device)
            data = DrawnCandidates(
                part.data,
                Encoder.open(first.path),
                hardest=part.loss.hardest,
                drawn_others=part.loss.drawn,
                seed=self.seed,
                cache=out.parent / "cache",
            )
        stage = RerankingStage(part, net=net, data=data, world=world)
        loop.fit(stage, seed=self.seed, optim=part.optim, loop=part.loop, folder=out / RERANKING, world=world)

    def untrained(self, run: Path, *, first: Bundle) -> Reranker:
        """Return the net of a run, its text tower the first bundle's own."""
        backbone = BackboneConfig(name=first.manifest.backbone, pretrained=str(first.path))
        backbones.write_tokenizer(backbone, run / backbones.TOKENIZER)
        tower = backbones.backbone(backbone, run, seed=self.seed)
        torch.manual_seed(self.seed)  # again: the re-ranker begins alike, whatever the tower came from
        part = self.reranking.net
        return Reranker(tower, RerankerShape(width=part.width, layers=part.layers, dropout=part.dropout))

    def finished(self, run: Path, *, stage: str) -> FinishedReranker:
        """Return the first bundle and the net with its best weights; raises ConfigError if the run has not ended."""
        first = Bundle.open(run / FIRST)
        net = self.untrained(run, first=first).eval()
        checkpoint.load(net, checkpoint.best(run / RERANKING))
        return FinishedReranker(first, net.requires_grad_(False))


def _copied(source: Path, copy: Path) -> Bundle:
    """Copy the bundle unless the copy exists; raises ConfigError if the bundle has a re-ranker already."""
    if not copy.exists():
        opened = Bundle.open(source)
        if bundle.RERANK in opened.graphs:
            raise ConfigError(f"the bundle {source} has a re-ranker: name the one that it was made from")
        bundle.write(copy, {name: opened.file(name).read_bytes() for name in opened.manifest.files}, opened.manifest)
    return Bundle.open(copy)
