"""A two-stage run: its net, its stages one after the other, and what they leave."""

import shutil
from collections.abc import Mapping as Values
from pathlib import Path

import torch
from torch import Tensor, nn

from models import files
from models.errors import ConfigError
from models.nets.two_stage import TwoStage, TwoStageShape, scaled
from models.tokenizer import Template, Tokenizer
from training.data import sources
from training.data.config import DrawnTriplets
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.methods import config
from training.methods.two_stage.composing import ComposingStage
from training.methods.two_stage.config import TwoStageConfig
from training.methods.two_stage.mapping import MappingStage

MAPPING, COMPOSING = TwoStageConfig.stages


def train(settings: TwoStageConfig, out: Path, *, until: str, taken: Path | None, world: World) -> None:
    """Trains the stages in the folders mapping and composing of `out`; see `runs.train`."""
    with world.first():
        if taken is not None:
            _take_over(settings, taken, out)
        tokenizer = backbones.write_tokenizer(settings.backbone, out / backbones.TOKENIZER)
        net = untrained(settings, out).to(world.device)
    sentence, slot = pseudo_sentence(settings.mapping_template, tokenizer)
    cache = out.parent / "cache"
    if until == COMPOSING and not isinstance(settings.composing.data, DrawnTriplets):
        with world.first():  # before hours of the first stage, since files may be wrong
            sources.triplets(settings, net=net, tokenizer=tokenizer, cache=cache)
        world.share(settings.composing.loop.batch)
    folder = out / MAPPING
    if settings.composing.start == "mapping":
        part = settings.mapping
        if taken is None:
            with world.first():
                captioned = sources.captioned(settings, net=net, tokenizer=tokenizer, cache=cache)
            folder.mkdir(exist_ok=True)
            stage = MappingStage(
                part, seed=settings.seed, net=net, sentence=sentence, slot=slot, data=captioned, world=world
            )
            loop.fit(stage, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)
        load_mapping(net, checkpoint.best(folder))
    if until == MAPPING:
        return
    folder = out / COMPOSING
    folder.mkdir(exist_ok=True)
    with world.first():
        triplets = sources.triplets(settings, net=net, tokenizer=tokenizer, cache=cache)
    composing = ComposingStage(settings.composing, net=net, sentence=sentence, slot=slot, data=triplets, world=world)
    optim, steps = settings.composing.optim, settings.composing.loop
    loop.fit(composing, seed=settings.seed, optim=optim, loop=steps, folder=folder, world=world)


def untrained(settings: TwoStageConfig, out: Path) -> TwoStage:
    """The net of a two-stage run, its CLIP as the config says and its own modules untrained."""
    backbone = backbones.backbone(settings.backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)  # again: the added modules begin alike, wherever CLIP's weights came from
    depth = len(backbone.text_blocks)
    parts, adapters = settings.mapping.net, settings.composing.net
    shape = TwoStageShape(
        injection_layers=scaled(parts.injection_layers, depth),
        adapter_layers=scaled(adapters.adapter_layers, depth),
        bottleneck=parts.bottleneck,
        rank=adapters.rank,
        dropout=parts.dropout,
    )
    return TwoStage(backbone, shape)


def pseudo_sentence(mapping_template: str, tokenizer: Tokenizer) -> tuple[Tensor, int]:
    """Token ids of the mapping template (1, L), and the pseudo-word's column in them as in every text."""
    template = Template.parse(mapping_template)
    slot = tokenizer.slot(template)
    if slot is None:
        raise AssertionError("a config's template has its *")
    ids = tokenizer.encode([""], template=template).ids
    return torch.from_numpy(ids[:, : int((ids[0] == tokenizer.end).argmax()) + 1]), slot


def finished(settings: TwoStageConfig, out: Path, *, stage: str) -> TwoStage:
    """A two-stage run's net with the best weights of its stages, up to `stage`; raises ConfigError where they lack."""
    if settings.composing.start == "scratch" and stage == MAPPING:
        raise ConfigError(f"the run in {out} is from scratch and has no first stage: leave out --stage mapping")
    net = untrained(settings, out).eval()
    net.drop_dead()
    if settings.composing.start == MAPPING:
        load_mapping(net, checkpoint.best(out / MAPPING))
    if stage == MAPPING:
        net.adapters = nn.ModuleDict()
        return net
    state = checkpoint.best(out / COMPOSING)
    if (
        not {name for name in net.state_dict() if name.startswith("adapters.")}
        <= state.keys()
        <= net.state_dict().keys()
    ):
        raise ConfigError(f"the weights in {out / COMPOSING} are of another net: was the run's config changed?")
    net.load_state_dict(dict(state), strict=False)  # the frozen rest is not in it
    return net


def load_mapping(net: TwoStage, state: Values[str, Tensor]) -> None:
    """Loads what a first stage has trained; raises ConfigError where it is of another net."""
    net.drop_dead()
    parts = ("learner", "patches", "injections") if net.injections else ("learner",)  # what Mapping has trained
    expected = {name for name in net.state_dict() if name.split(".")[0] in parts}
    if expected != state.keys():
        raise ConfigError("the first stage is of another net: train it again, or name the run of the same config")
    net.load_state_dict(dict(state), strict=False)  # the frozen rest is not in it


def check(settings: TwoStageConfig, *, until: str) -> None:
    """Raises ConfigError for settings that do not go together."""
    if settings.mapping.loop.device != settings.composing.loop.device:
        raise ConfigError("mapping.loop.device and composing.loop.device differ: a run has one kind of device")
    if settings.composing.start == "scratch" and until == MAPPING:
        raise ConfigError("a run from scratch has no first stage: leave out --until mapping")


def _take_over(settings: TwoStageConfig, taken: Path, out: Path) -> None:
    """Copies another run's finished first stage; raises ConfigError where it was trained otherwise."""
    other = config.read(taken / config.CONFIG_FILE)
    if not isinstance(other, TwoStageConfig):
        raise ConfigError(f"{taken} is no two-stage run: name one whose first stage is to be taken over")
    mine = (settings.seed, settings.template, settings.backbone, settings.mapping)
    if mine != (other.seed, other.template, other.backbone, other.mapping):
        raise ConfigError(f"the first stage of {taken} has other settings than this config: leave out --mapping")
    checkpoint.best(taken / MAPPING)  # it has ended
    if (taken / backbones.KEPT_WEIGHTS).exists():  # what it was trained on, whatever stands at the bundle's path by now
        with files.replacing(out / backbones.KEPT_WEIGHTS) as part:
            shutil.copyfile(taken / backbones.KEPT_WEIGHTS, part)
    if not (out / MAPPING).exists():
        with files.new_folder(out / MAPPING) as folder:
            shutil.copytree(taken / MAPPING, folder, dirs_exist_ok=True)
