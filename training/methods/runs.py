"""A run: a folder, the config that it keeps, and the method that trains in it."""

import logging
from collections.abc import Mapping as Values
from pathlib import Path

import tomli_w
import torch

from models import files
from models.errors import ConfigError
from training.engine import loop
from training.engine.distributed import World
from training.methods import config
from training.methods.clip.config import ContrastConfig
from training.methods.clip.contrast import ContrastStage
from training.methods.clip4cir import clip4cir
from training.methods.clip4cir.config import Clip4CirConfig
from training.methods.config import AnyConfig
from training.methods.instruct import instruct
from training.methods.instruct.config import InstructConfig
from training.methods.pseudo_words import pseudo_words
from training.methods.reranker import rerank
from training.methods.reranker.config import RerankConfig
from training.methods.slerp import slerp
from training.methods.slerp.config import SlerpConfig
from training.methods.transagg import transagg
from training.methods.transagg.config import TransAggConfig
from training.methods.two_stage import two_stage
from training.methods.two_stage.config import TwoStageConfig


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
                contrast = ContrastStage(settings, out=out, cache=out.parent / "cache", world=world)
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
    kept = out / config.CONFIG_FILE
    if not kept.exists():
        files.write(kept, tomli_w.dumps(document))
    elif config.read(kept) != settings:
        raise ConfigError(f"{out} holds a run with another config: choose another --out or delete it")
