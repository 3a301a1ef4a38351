"""Run folder: trained from a config, and exported as a bundle."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import tomli_w
import torch

from models import files
from models.bundle import Manifest
from models.errors import ConfigError
from training.bundles import known_images
from training.bundles.export import FinishedModel
from training.engine import checkpoint
from training.engine.distributed import World
from training.methods import config
from training.methods.config import AnyConfig
from training.methods.two_stage import two_stage
from training.methods.two_stage.two_stage import TwoStageConfig


def train(config_file: Path, out: Path, *, until: str | None = None, mapping: Path | None = None) -> None:
    """Train as the config says into the folder `out`, or resume an interrupted run there.

    Writes config.toml, tokenizer.json and the files of `loop.fit`, those of each stage in a folder of its name. `until`
    names the last stage to train; `mapping` is another two-stage run whose first stage is copied instead of trained.
    Raises ConfigError if config, folder, stage or that run do not go together.
    """
    document = config.document(config_file)
    settings = config.parse(document, name=str(config_file))
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    stage = config.last_stage(settings, until)
    if mapping is not None and two_stage.MAPPING not in settings.stages:
        raise ConfigError(f"{config_file} has no mapping stage to take over: leave out --mapping")
    with World.join(torch.device(settings.device)) as world:
        with world.first():
            out.mkdir(parents=True, exist_ok=True)
            _claim(out, settings, document)
            if mapping is not None:
                _copy_mapping(settings, mapping, out)
        settings.train(out, until=stage, world=world)


def export(
    run: Path, *, out: Path, text_weight: float | None = None, stage: str | None = None, compact: bool = False
) -> Manifest:
    """Export a finished run as the bundle `out` and return its manifest.

    `stage` names the last stage that counts: "mapping" leaves out a two-stage run's second stage, "reformulating" the
    combiner. `text_weight` None is one half for the weighted sum, 1 − λ for InstructCIR's combiner, and else 0, since a
    composed query has read the text. With `compact` the matrices are rounded. The bundle describes the images that the
    last stage validated with, if they are enough, so that a build notices a gallery of others.
    Raises ConfigError if the run has not ended.
    """
    settings = config.read(run / config.CONFIG_FILE)
    last = config.last_stage(settings, stage)
    model = settings.finished(run, stage=last)
    images = checkpoint.best_images(run / last)
    if isinstance(model, FinishedModel) and images is not None and len(images) >= known_images.FEWEST:
        model = replace(model, known_images=known_images.describe(images.numpy()))
    text = (run / config.CONFIG_FILE).read_text(encoding="utf-8")
    return model.export(out, config=text, text_weight=text_weight, compact=compact)


def _claim(out: Path, settings: AnyConfig, document: Mapping[str, object]) -> None:
    """Write the whole config to the run's folder; raises ConfigError if the folder holds another run."""
    file = out / config.CONFIG_FILE
    if not file.exists():
        files.write(file, tomli_w.dumps(document))
    elif config.read(file) != settings:
        raise ConfigError(f"{out} holds a run with another config: choose another --out or delete it")


def _copy_mapping(settings: AnyConfig, source: Path, out: Path) -> None:
    other = config.read(source / config.CONFIG_FILE)
    if not isinstance(settings, TwoStageConfig) or not isinstance(other, TwoStageConfig):
        raise ConfigError(f"{source} is no two-stage run: name one whose first stage is to be taken over")
    two_stage.copy_mapping(settings, source, other, out)
