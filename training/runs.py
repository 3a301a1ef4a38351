"""A run: a folder, the config that it keeps, and the method that trains in it."""

import logging
from collections.abc import Mapping as Values
from pathlib import Path

import tomli_w
import torch

from models.errors import ConfigError
from training import clip4cir, config, instruct, loop, pseudo_words, rerank, slerp, transagg, two_stage
from training.config import AnyConfig
from training.ranks import World
from training.settings.clip4cir import Clip4CirConfig
from training.settings.contrast import ContrastConfig
from training.settings.instruct import InstructConfig
from training.settings.rerank import RerankConfig
from training.settings.slerp import SlerpConfig
from training.settings.transagg import TransAggConfig
from training.settings.two_stage import TwoStageConfig
from training.stages.contrast import Contrast


def train(config_file: Path, out: Path, *, until: str | None = None, mapping: Path | None = None) -> None:
    """Trains as the config says into the folder `out`, going on where an interrupted run of it stopped.

    Leaves config.toml, tokenizer.json and what `loop.fit` leaves, of each stage in a folder of its name. `until` names
    the last stage to train; `mapping` is another two-stage run whose first stage is taken over instead of trained.
    Raises ConfigError where config, folder, stage or that run do not go together.
    """
    document = config.document(config_file)
    settings = config.parse(document, name=str(config_file))
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    stage = config.last(settings, until)
    if isinstance(settings, TwoStageConfig):
        two_stage.check(settings, until=stage)
    elif mapping is not None:
        raise ConfigError(f"{config_file} has no mapping stage to take over: leave out --mapping")
    with World.join(torch.device(settings.device)) as world:
        with world.first():
            out.mkdir(parents=True, exist_ok=True)
            _claim(out, settings, document)
        if isinstance(settings, ContrastConfig):
            with world.first():
                contrast = Contrast(settings, out=out, cache=out.parent / "cache", world=world)
            loop.fit(contrast, seed=settings.seed, optim=settings.optim, loop=settings.loop, folder=out, world=world)
        elif isinstance(settings, TwoStageConfig):
            two_stage.train(settings, out, until=stage, taken=mapping, world=world)
        elif isinstance(settings, InstructConfig):
            instruct.train(settings, out, until=stage, world=world)
        elif isinstance(settings, RerankConfig):
            rerank.train(settings, out, world=world)
        elif isinstance(settings, TransAggConfig):
            transagg.train(settings, out, world=world)
        elif isinstance(settings, Clip4CirConfig):
            clip4cir.train(settings, out, world=world)
        elif isinstance(settings, SlerpConfig):
            with world.first():
                slerp.begin(settings, out)
        else:
            pseudo_words.train(settings, out, until=stage, world=world)


def _claim(out: Path, settings: AnyConfig, document: Values[str, object]) -> None:
    """Keeps the whole config in the run's folder; raises ConfigError where the folder holds another run."""
    kept = out / config.KEPT
    if not kept.exists():
        part = kept.with_name(f".{config.KEPT}")
        part.write_text(tomli_w.dumps(document), encoding="utf-8")
        part.replace(kept)  # never half a config
    elif config.read(kept) != settings:
        raise ConfigError(f"{out} holds a run with another config: choose another --out or delete it")
