"""A run: which stages a config asks for, one after the other, each in its folder."""

import logging
import shutil
from collections.abc import Mapping as Values
from pathlib import Path
from typing import Literal

import tomli_w
import torch
from torch import Tensor, nn

from models import bundle
from models.errors import ConfigError
from models.nets.backbone import Backbone, context_length
from models.nets.two_stage import Shape, TwoStage, scaled
from models.tokenizer import Template, Tokenizer
from training import checkpoint, config, loop, vocabulary, weights
from training.config import ContrastConfig, TwoStageConfig
from training.datasets import sources
from training.datasets.config import DrawnTriplets
from training.ranks import World
from training.stages.composing import Composing
from training.stages.contrast import Contrast
from training.stages.mapping import Mapping

CONFIG = "config.toml"
TOKENIZER = "tokenizer.json"
BACKBONE = "backbone.pt"  # where it came out of a bundle
MAPPING, COMPOSING = "mapping", "composing"
Stage = Literal["mapping", "composing"]


def train(config_file: Path, out: Path, *, until: Stage, mapping: Path | None) -> None:
    """Trains as the config says into the folder `out`, going on where an interrupted run of it stopped.

    Leaves config.toml, tokenizer.json and what `loop.fit` leaves; a two-stage run in the folders mapping and composing.
    `until` "mapping" stops a two-stage run after its first stage; `mapping` is another run whose first stage is taken
    over instead of trained. Raises ConfigError where config, folder or that run do not go together.
    """
    document = config.document(config_file)
    settings = config.parse(document, name=str(config_file))
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    if isinstance(settings, TwoStageConfig):
        _check(settings, until=until)
    device = settings.loop.device if isinstance(settings, ContrastConfig) else settings.composing.loop.device
    with World.join(torch.device(device)) as world:
        with world.first():
            out.mkdir(parents=True, exist_ok=True)
            _claim(out, settings, document)
        if isinstance(settings, ContrastConfig):
            with world.first():
                stage = Contrast(settings, out=out, cache=out.parent / "cache", world=world)
            loop.fit(stage, seed=settings.seed, optim=settings.optim, loop=settings.loop, folder=out, world=world)
        else:
            _two_stage(settings, out, until=until, taken=mapping, world=world)


def _two_stage(settings: TwoStageConfig, out: Path, *, until: Stage, taken: Path | None, world: World) -> None:
    with world.first():
        if taken is not None:
            _take_over(settings, taken, out)
        tokenizer = write_tokenizer(settings, out / TOKENIZER)
        net = two_stage(settings, out).to(world.device)
    sentence, slot = pseudo_sentence(settings, tokenizer)
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
            stage = Mapping(
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
    composing = Composing(settings.composing, net=net, sentence=sentence, slot=slot, data=triplets, world=world)
    optim, steps = settings.composing.optim, settings.composing.loop
    loop.fit(composing, seed=settings.seed, optim=optim, loop=steps, folder=folder, world=world)


def two_stage(settings: TwoStageConfig, out: Path) -> TwoStage:
    """The net of a two-stage run, its CLIP as the config says and its own modules untrained."""
    tokenizer = Tokenizer.open(out / TOKENIZER, context_length=context_length(settings.backbone.name))
    source = Path(settings.backbone.pretrained)
    bundled = (out / BACKBONE).exists() or (bool(settings.backbone.pretrained) and (source / bundle.MANIFEST).is_file())
    name, pretrained = settings.backbone.name, "" if bundled else settings.backbone.pretrained
    torch.manual_seed(settings.seed)  # random weights are in no checkpoint: each rank and the export draws them again
    backbone = Backbone.create(name, pretrained=pretrained, end=tokenizer.end)
    if tokenizer.vocabulary > backbone.clip.vocab_size:
        raise ConfigError(
            f"{name} has a vocabulary of its own: name a bundle of it as backbone.pretrained, for its tokenizer"
        )
    if bundled:
        backbone.load_state_dict(_out_of_bundle(source, backbone, kept=out / BACKBONE))
    backbone.eval()
    torch.manual_seed(settings.seed)  # again: the added modules begin alike, wherever CLIP's weights came from
    depth = len(backbone.text_blocks)
    parts, adapters = settings.mapping.net, settings.composing.net
    shape = Shape(
        injection_layers=scaled(parts.injection_layers, depth),
        adapter_layers=scaled(adapters.adapter_layers, depth),
        bottleneck=parts.bottleneck,
        rank=adapters.rank,
        dropout=parts.dropout,
    )
    return TwoStage(backbone, shape)


def pseudo_sentence(settings: TwoStageConfig, tokenizer: Tokenizer) -> tuple[Tensor, int]:
    """Token ids of the mapping template (1, L), and the pseudo-word's column in them as in every text."""
    template = Template.parse(settings.mapping_template)
    slot = tokenizer.slot(template)
    if slot is None:
        raise AssertionError("a config's template has its *")
    ids = tokenizer.encode([""], template=template).ids
    return torch.from_numpy(ids[:, : int((ids[0] == tokenizer.end).argmax()) + 1]), slot


def finished(settings: TwoStageConfig, out: Path, *, stage: Stage) -> TwoStage:
    """A two-stage run's net with the best weights of its stages, up to `stage`; raises ConfigError where they lack."""
    if settings.composing.start == "scratch" and stage == MAPPING:
        raise ConfigError(f"the run in {out} is from scratch and has no first stage: leave out --stage mapping")
    net = two_stage(settings, out).eval()
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


def write_tokenizer(settings: TwoStageConfig, path: Path) -> Tokenizer:
    """The backbone's tokenizer, kept at `path`: a bundle's own, or CLIP's."""
    if not path.exists():
        source = Path(settings.backbone.pretrained) / bundle.TOKENIZER
        part = path.with_name(f".{path.name}")
        if settings.backbone.pretrained and source.is_file():
            shutil.copyfile(source, part)
        else:
            vocabulary.clip(part)
        part.replace(path)  # never half a tokenizer
    return Tokenizer.open(path, context_length=context_length(settings.backbone.name))


def load_mapping(net: TwoStage, state: Values[str, Tensor]) -> None:
    """Loads what a first stage has trained; raises ConfigError where it is of another net."""
    net.drop_dead()
    parts = ("learner", "patches", "injections") if net.injections else ("learner",)  # what Mapping has trained
    expected = {name for name in net.state_dict() if name.split(".")[0] in parts}
    if expected != state.keys():
        raise ConfigError("the first stage is of another net: train it again, or name the run of the same config")
    net.load_state_dict(dict(state), strict=False)  # the frozen rest is not in it


def _out_of_bundle(source: Path, backbone: Backbone, *, kept: Path) -> dict[str, Tensor]:
    """The bundle's weights, kept beside what is trained on them: a later bundle may stand at the same path."""
    if not kept.exists():
        part = kept.with_name(f".{kept.name}")
        torch.save(weights.backbone_weights(source, backbone), part)
        part.replace(kept)
    state: dict[str, Tensor] = torch.load(kept, map_location="cpu", weights_only=True)
    return state


def _check(settings: TwoStageConfig, *, until: Stage) -> None:
    """Raises ConfigError for settings that do not go together."""
    if settings.mapping.loop.device != settings.composing.loop.device:
        raise ConfigError("mapping.loop.device and composing.loop.device differ: a run has one kind of device")
    if settings.composing.start == "scratch" and until == MAPPING:
        raise ConfigError("a run from scratch has no first stage: leave out --until mapping")


def _claim(out: Path, settings: ContrastConfig | TwoStageConfig, document: Values[str, object]) -> None:
    """Keeps the whole config in the run's folder; raises ConfigError where the folder holds another run."""
    kept = out / CONFIG
    if not kept.exists():
        part = kept.with_name(f".{CONFIG}")
        part.write_text(tomli_w.dumps(document), encoding="utf-8")
        part.replace(kept)  # never half a config
    elif config.read(kept) != settings:
        raise ConfigError(f"{out} holds a run with another config: choose another --out or delete it")


def _take_over(settings: TwoStageConfig, taken: Path, out: Path) -> None:
    """Copies another run's finished first stage; raises ConfigError where it was trained otherwise."""
    other = config.read(taken / CONFIG)
    if not isinstance(other, TwoStageConfig):
        raise ConfigError(f"{taken} is no two-stage run: name one whose first stage is to be taken over")
    mine = (settings.seed, settings.template, settings.backbone, settings.mapping)
    if mine != (other.seed, other.template, other.backbone, other.mapping):
        raise ConfigError(f"the first stage of {taken} has other settings than this config: leave out --mapping")
    checkpoint.best(taken / MAPPING)  # it has ended
    if (taken / BACKBONE).exists():  # what it was trained on, whatever stands at the bundle's path by now
        shutil.copyfile(taken / BACKBONE, out / f".{BACKBONE}")
        (out / f".{BACKBONE}").replace(out / BACKBONE)
    if not (out / MAPPING).exists():
        part = out / f".{MAPPING}"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(taken / MAPPING, part)
        part.replace(out / MAPPING)
