"""A run of a re-ranker: its net, its one stage, and what it leaves."""

from pathlib import Path

import torch

from models import bundle
from models.bundle import Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from models.nets.reranker import Reranker, RerankerShape
from training.data.drawn.candidates import DrawnCandidates
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.engine.settings import BackboneConfig
from training.methods.reranker.config import RerankConfig
from training.methods.reranker.reranking import RerankingStage

(RERANKING,) = RerankConfig.stages
FIRST = "first"  # the bundle that ranks, kept in the run's folder: another may stand at its path by the export


def train(settings: RerankConfig, out: Path, *, world: World) -> None:
    """Trains the re-ranker in the folder reranking of `out`; see `runs.train`."""
    part, folder = settings.reranking, out / RERANKING
    with world.first():
        first = _kept(Path(settings.bundle), out / FIRST)
        net = untrained(settings, out, first=first).to(world.device)
        data = DrawnCandidates(
            part.data,
            Encoder.open(first.path),
            hardest=part.loss.hardest,
            drawn_others=part.loss.drawn,
            seed=settings.seed,
            cache=out.parent / "cache",
        )
    stage = RerankingStage(part, net=net, data=data, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)


def untrained(settings: RerankConfig, out: Path, *, first: Bundle) -> Reranker:
    """The net of a run, its text tower the first bundle's own."""
    backbone = BackboneConfig(name=first.manifest.backbone, pretrained=str(first.path))
    backbones.write_tokenizer(backbone, out / backbones.TOKENIZER)
    tower = backbones.backbone(backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)  # again: what learns begins alike, wherever the tower came from
    part = settings.reranking.net
    return Reranker(tower, RerankerShape(width=part.width, layers=part.layers, dropout=part.dropout))


def finished(settings: RerankConfig, out: Path) -> tuple[Bundle, Reranker]:
    """A run's first bundle, and its net with its best weights; raises ConfigError where they lack."""
    first = Bundle.open(out / FIRST)
    net = untrained(settings, out, first=first).eval()
    checkpoint.load(net, checkpoint.best(out / RERANKING))
    return first, net.requires_grad_(False)


def _kept(source: Path, copy: Path) -> Bundle:
    """A copy of the bundle; raises ConfigError for one that has a re-ranker already."""
    if not copy.exists():
        opened = Bundle.open(source)
        if bundle.RERANK in opened.graphs:
            raise ConfigError(f"the bundle {source} has a re-ranker: name the one that it was made from")
        bundle.write(copy, {name: opened.file(name).read_bytes() for name in opened.manifest.files}, opened.manifest)
    return Bundle.open(copy)
