"""A run of the baseline CLIP4Cir: its net, its one stage, and what it leaves."""

from pathlib import Path

import torch

from models.nets import weighted_sum
from models.nets.clip4cir import Clip4Cir, ComposeGraph, ReferenceGraph
from training import checkpoint, loop, origin
from training.datasets import sources
from training.graph import Graphs, Split
from training.ranks import World
from training.settings.clip4cir import Clip4CirConfig
from training.stages.combiner import Combiner

(COMBINER,) = Clip4CirConfig.stages


def train(settings: Clip4CirConfig, out: Path, *, world: World) -> None:
    """Trains the combiner in the folder combiner of `out`; see `runs.train`."""
    with world.first():
        tokenizer = origin.write_tokenizer(settings.backbone, out / origin.TOKENIZER)
        net = untrained(settings, out).to(world.device)
        cache = out.parent / "cache"
        data = sources.aggregating(settings, backbone=net.backbone, tokenizer=tokenizer, cache=cache)
    part, folder = settings.combiner, out / COMBINER
    stage = Combiner(part, net=net, data=data, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)


def untrained(settings: Clip4CirConfig, out: Path) -> Clip4Cir:
    """The net of a run, its CLIP as the config says and its combiner untrained."""
    backbone = origin.backbone(settings.backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)  # again: the combiner begins alike, wherever CLIP's weights came from
    return Clip4Cir(backbone, dropout=settings.combiner.dropout)


def finished(settings: Clip4CirConfig, out: Path) -> Clip4Cir:
    """A run's net with its best weights; raises ConfigError where they lack."""
    net = untrained(settings, out).eval()
    checkpoint.load(net, checkpoint.best(out / COMBINER))
    return net.requires_grad_(False)


def graphs(net: Clip4Cir) -> Graphs:
    """The net's graphs: the gallery is the frozen CLIP's."""
    return Graphs(
        gallery=weighted_sum.Gallery(net.backbone),
        query=Split(ReferenceGraph(net), ComposeGraph(net), features=("image",)),
        text=weighted_sum.Text(net.backbone),
    )
