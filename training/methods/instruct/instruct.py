"""An InstructCIR run: its network, its phases one after the other, and what they leave."""

from pathlib import Path

import torch

from models.nets.reformulation import Reformulation
from models.tokenizer import Tokenizer
from training.data import sources
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.methods.instruct.config import InstructConfig
from training.methods.instruct.reformulating import Combining, Pair, Reformulating

REFORMULATING, COMBINING = InstructConfig.stages


def train(settings: InstructConfig, out: Path, *, until: str, world: World) -> None:
    """Trains the phases in the folders reformulating and combining of `out`; see `runs.train`."""
    with world.first():
        tokenizer = backbones.write_tokenizer(settings.backbone, out / backbones.TOKENIZER)
        pair = untrained(settings, out).to(world.device)
        size, cache = pair.online.backbone.image_size, out.parent / "cache"
        data = sources.reformulating(settings, size=size, tokenizer=tokenizer, cache=cache)
    first, folder = settings.reformulating, out / REFORMULATING
    stage = Reformulating(pair=pair, data=data, loss=first.loss, momentum=first.momentum, loop=first.loop, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=first.optim, loop=first.loop, folder=folder, world=world)
    if until == REFORMULATING:
        return
    checkpoint.load(pair, checkpoint.best(folder))  # as it was trained: the average and what learnt
    second, folder = settings.combining, out / COMBINING
    combining = Combining(pair=pair, data=data, loss=first.loss, steps=second.steps, loop=second.loop, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(combining, seed=settings.seed, optim=second.optim, loop=second.loop, folder=folder, world=world)


def untrained(settings: InstructConfig, out: Path) -> Pair:
    """The networks of a run, their CLIP as the config says and the rest untrained."""
    tokenizer = Tokenizer.open(out / backbones.TOKENIZER, context_length=3)
    backbone = backbones.backbone(settings.backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)  # again: the added modules begin alike, wherever CLIP's weights came from
    null = torch.from_numpy(tokenizer.encode([""]).ids[:, :2])  # start and end
    net = settings.reformulating.net
    online = Reformulation(backbone, null=null, crossed=net.crossed, checkpointed=net.checkpointed)
    return Pair(online, averaged=settings.reformulating.momentum.start > 0)


def finished(settings: InstructConfig, out: Path, *, stage: str) -> Pair:
    """A run's networks with the best weights of its phases, up to `stage`; raises ConfigError where they lack."""
    pair = untrained(settings, out).eval()
    checkpoint.load(pair, checkpoint.best(out / REFORMULATING))
    if stage == COMBINING:
        checkpoint.load(pair.online.combiner.requires_grad_(True), checkpoint.best(out / COMBINING))
    return pair.requires_grad_(False)
