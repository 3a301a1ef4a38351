"""A run of the baseline TransAgg: its net, its one stage, and what it leaves."""

from pathlib import Path

import torch

from models.nets import weighted_sum
from models.nets.transagg import TransAgg, TransAggQueryGraph
from training.bundles.onnx_graph import Graphs
from training.data import sources
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.methods.transagg.aggregating import AggregatingStage
from training.methods.transagg.config import TransAggConfig

(AGGREGATING,) = TransAggConfig.stages


def train(settings: TransAggConfig, out: Path, *, world: World) -> None:
    """Trains the head in the folder aggregating of `out`; see `runs.train`."""
    with world.first():
        tokenizer = backbones.write_tokenizer(settings.backbone, out / backbones.TOKENIZER)
        net = untrained(settings, out).to(world.device)
        cache = out.parent / "cache"
        data = sources.aggregating(settings, backbone=net.backbone, tokenizer=tokenizer, cache=cache)
    part, folder = settings.aggregating, out / AGGREGATING
    stage = AggregatingStage(part, net=net, data=data, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)


def untrained(settings: TransAggConfig, out: Path) -> TransAgg:
    """The net of a run, its CLIP as the config says and its head untrained."""
    backbone = backbones.backbone(settings.backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)  # again: the head begins alike, wherever CLIP's weights came from
    return TransAgg(backbone, dropout=settings.aggregating.dropout)


def finished(settings: TransAggConfig, out: Path) -> TransAgg:
    """A run's net with its best weights; raises ConfigError where they lack."""
    net = untrained(settings, out).eval()
    checkpoint.load(net, checkpoint.best(out / AGGREGATING))
    return net.requires_grad_(False)


def graphs(net: TransAgg) -> Graphs:
    """The net's graphs: the gallery is the frozen CLIP's."""
    return Graphs(
        gallery=weighted_sum.ImageGraph(net.backbone),
        query=TransAggQueryGraph(net),
        text=weighted_sum.TextGraph(net.backbone),
    )
