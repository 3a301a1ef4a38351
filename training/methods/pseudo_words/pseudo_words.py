"""Runs of the baselines that make a picture one pseudo-word, Pic2Word, SEARLE and LinCIR: their nets and stages."""

from pathlib import Path

import torch

from models.errors import ConfigError
from models.nets import weighted_sum
from models.nets.lincir import LinCir
from models.nets.pic2word import Pic2Word
from models.nets.pseudo_word import PseudoWord, PseudoWordComposeGraph, PseudoWordReferenceGraph
from models.nets.searle import Searle
from models.tokenizer import Tokenizer
from training.bundles.onnx_graph import Graphs, Split
from training.data import sources
from training.engine import backbones, checkpoint, loop
from training.engine.distributed import World
from training.methods.pseudo_words.config import LinCirConfig, Pic2WordConfig, PseudoWordConfig, SearleConfig
from training.methods.pseudo_words.distilling import Distilling
from training.methods.pseudo_words.inverting import Inverted, Inverting
from training.methods.pseudo_words.masking import Masking
from training.methods.pseudo_words.naming import Naming
from training.methods.pseudo_words.phrases import Phrases, Sentences
from training.methods.two_stage.two_stage import pseudo_sentence

(NAMING,) = Pic2WordConfig.stages
INVERTING, DISTILLING = SearleConfig.stages
(MASKING,) = LinCirConfig.stages


def train(settings: PseudoWordConfig, out: Path, *, until: str, world: World) -> None:
    """Trains the method's stages, each in the folder of its name in `out`; see `runs.train`."""
    with world.first():
        tokenizer = backbones.write_tokenizer(settings.backbone, out / backbones.TOKENIZER)
    match settings:
        case Pic2WordConfig():
            _name(settings, out, tokenizer=tokenizer, world=world)
        case SearleConfig():
            _invert(settings, out, tokenizer=tokenizer, until=until, world=world)
        case LinCirConfig():
            _mask(settings, out, tokenizer=tokenizer, world=world)


def pic2word(settings: Pic2WordConfig, out: Path) -> Pic2Word:
    """The net of a Pic2Word run, its CLIP as the config says and its mapping network untrained."""
    backbone = backbones.backbone(settings.backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)  # again: the network begins alike, wherever CLIP's weights came from
    return Pic2Word(backbone, dropout=settings.naming.dropout)


def searle(settings: SearleConfig, out: Path) -> Searle:
    """The net of a SEARLE run, φ untrained."""
    backbone = backbones.backbone(settings.backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)
    return Searle(backbone, dropout=settings.distilling.dropout)


def lincir(settings: LinCirConfig, out: Path) -> LinCir:
    """The net of a LinCIR run, φ untrained."""
    backbone = backbones.backbone(settings.backbone, out, seed=settings.seed)
    torch.manual_seed(settings.seed)
    return LinCir(backbone, dropout=settings.masking.dropout)


def finished(settings: PseudoWordConfig, out: Path, *, stage: str) -> PseudoWord:
    """A run's net with the best weights of its last stage; raises ConfigError where they lack, or for another stage."""
    if stage == INVERTING:
        raise ConfigError(f"the first stage of {out} has words for its own pictures alone: leave out --stage inverting")
    net: PseudoWord
    match settings:
        case Pic2WordConfig():
            net, last = pic2word(settings, out), NAMING
        case SearleConfig():
            net, last = searle(settings, out), DISTILLING
        case LinCirConfig():
            net, last = lincir(settings, out), MASKING
    checkpoint.load(net, checkpoint.best(out / last))
    return net.eval().requires_grad_(False)


def graphs(net: PseudoWord, *, template: str, tokenizer: Tokenizer) -> Graphs:
    """The net's graphs, `template` being the mapping template: the gallery is the frozen CLIP's."""
    _, slot = pseudo_sentence(template, tokenizer)
    return Graphs(
        gallery=weighted_sum.ImageGraph(net.backbone),
        query=Split(PseudoWordReferenceGraph(net), PseudoWordComposeGraph(net, slot=slot), features=("word",)),
        text=weighted_sum.TextGraph(net.backbone),
    )


def _name(settings: Pic2WordConfig, out: Path, *, tokenizer: Tokenizer, world: World) -> None:
    part, folder = settings.naming, out / NAMING
    with world.first():
        net = pic2word(settings, out).to(world.device)
        data = sources.portraits(
            part.data,
            backbone=net.backbone,
            tokenizer=tokenizer,
            seed=settings.seed,
            workers=part.loop.workers,
            cache=out.parent / "cache",
        )
    sentence, slot = pseudo_sentence(settings.mapping_template, tokenizer)
    stage = Naming(part, net=net, seed=settings.seed, sentence=sentence, slot=slot, data=data, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)


def _mask(settings: LinCirConfig, out: Path, *, tokenizer: Tokenizer, world: World) -> None:
    part, folder = settings.masking, out / MASKING
    with world.first():
        net = lincir(settings, out).to(world.device)
        data = sources.captions_alone(
            part.data,
            backbone=net.backbone,
            tokenizer=tokenizer,
            seed=settings.seed,
            workers=part.loop.workers,
            cache=out.parent / "cache",
        )
    sentence, slot = pseudo_sentence(settings.mapping_template, tokenizer)
    stage = Masking(part, net=net, seed=settings.seed, sentence=sentence, slot=slot, data=data, world=world)
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder, world=world)


def _invert(settings: SearleConfig, out: Path, *, tokenizer: Tokenizer, until: str, world: World) -> None:
    first, second = settings.inverting, settings.distilling
    with world.first():
        net = searle(settings, out).to(world.device)
        data = sources.portraits(
            first.data,
            backbone=net.backbone,
            tokenizer=tokenizer,
            seed=settings.seed,
            workers=second.loop.workers,
            cache=out.parent / "cache",
        )
    phrases = Phrases.of(settings.phrases, net.backbone, tokenizer, plain=first.sentences)
    inverting = Inverting(
        first,
        net=net,
        sentences=Sentences.of(first.sentences, tokenizer, device=world.device),
        phrases=phrases,
        data=data,
        precision=second.loop.precision,
        seed=settings.seed,
        world=world,
    )
    folder = out / INVERTING
    folder.mkdir(exist_ok=True)
    words = inverting.run(folder)
    if until == INVERTING:
        return
    sentence, slot = pseudo_sentence(settings.mapping_template, tokenizer)
    stage = Distilling(
        second,
        net=net,
        phrases=phrases,
        seed=settings.seed,
        sentence=sentence,
        slot=slot,
        data=Inverted(data, words),
        world=world,
    )
    folder = out / DISTILLING
    folder.mkdir(exist_ok=True)
    loop.fit(stage, seed=settings.seed, optim=second.optim, loop=second.loop, folder=folder, world=world)
