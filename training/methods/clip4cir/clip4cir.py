"""A run of the baseline CLIP4Cir: its net, its one stage, and what it leaves."""

from pathlib import Path

import torch

from models.nets import weighted_sum
from models.nets.clip4cir import Clip4Cir, Clip4CirComposeGraph, Clip4CirReferenceGraph
from training.bundles.onnx_graph import Graphs, Split
from training.data import sources
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.methods.clip4cir.combiner import CombinerStage
from training.methods.clip4cir.config import Clip4CirConfig

(COMBINER,) = Clip4CirConfig.stages


def train(settings: Clip4CirConfig, out: Path, *, world: World) -> None:
    """Trains the combiner in the folder combiner of `out`; see `runs.train`."""
    with world.first():
        tokenizer = backbones.write_tokenizer(settings.backbone, out / backbones.TOKENIZER)
        net = untrained(settings, out).to(world.device)
        cache = out.parent / "cache"
        data = sources.aggregating(settings, backbone=net.backbone, tokenizer=tokenizer, cache=cache)
    part, folder = settings.combiner, out / COMBINER
    stage = CombinerStage(part, net=net, data=data, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)


def untrained(settings: Clip4CirConfig, out: Path) -> Clip4Cir:
    """The net of a run, its CLIP as the config says and its combiner untrained."""
    backbone = backbones.backbone(settings.backbone, out, seed=settings.seed)
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
        gallery=weighted_sum.ImageGraph(net.backbone),
        query=Split(Clip4CirReferenceGraph(net), Clip4CirComposeGraph(net), features=("image",)),
        text=weighted_sum.TextGraph(net.backbone),
    )
