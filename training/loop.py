"""One training run, read from top to bottom: config → stage → steps → checkpoints, log and plot."""

import json
import logging
import shutil
import time
from pathlib import Path

import torch
from tqdm import tqdm

from models.errors import ConfigError
from training import checkpoint, optim, plot
from training.checkpoint import Progress
from training.config import Config
from training.stages.contrast import Contrast

CONFIG = "config.toml"
LOG = "log.jsonl"
PLOT = "loss.png"
_LOG_STEPS = 10


def train(config_file: Path, out: Path) -> None:
    """Trains as the config says into the folder `out`, going on where an interrupted run of it stopped.

    Leaves the config, tokenizer.json, checkpoint.pt, log.jsonl (a line every ten steps and every epoch) and loss.png.
    """
    config = Config.read(config_file)
    out.mkdir(parents=True, exist_ok=True)
    if not (out / CONFIG).exists():
        shutil.copyfile(config_file, out / f".{CONFIG}")
        (out / f".{CONFIG}").replace(out / CONFIG)  # never half a config
    elif Config.read(out / CONFIG) != config:
        raise ConfigError(f"{out} holds a run with another config: choose another --out or delete it")

    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    device = torch.device(config.loop.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"{config_file} asks for {device}, but torch sees no GPU: set loop.device to cpu")
    stage = Contrast(config, out=out, cache=out.parent / "cache", device=device)
    optimizer = optim.adamw(stage.net.named_parameters(), config.optim)
    steps = stage.steps_per_epoch * config.loop.epochs
    done = checkpoint.restore(out, stage.net, optimizer)
    half = config.loop.precision == "bfloat16"

    began, first = time.monotonic(), done
    with (out / LOG).open("a", encoding="utf-8") as log, tqdm(total=steps, initial=done, unit="step") as bar:
        for epoch in range(done // stage.steps_per_epoch, config.loop.epochs):
            stage.net.train()
            for batch in stage.batches(epoch, start=done % stage.steps_per_epoch):
                learning_rate = optim.rate(done, steps=steps, config=config.optim)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate
                with torch.autocast(device.type, torch.bfloat16, enabled=half):
                    loss = stage.loss(*batch)
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(stage.net.parameters(), config.optim.clip_norm)
                optimizer.step()
                done += 1

                bar.update()
                if done % _LOG_STEPS == 0:
                    speed = (done - first) * config.loop.batch / (time.monotonic() - began)
                    facts = {"step": done, "loss": loss.item(), "learning_rate": learning_rate, "images_per_s": speed}
                    log.write(json.dumps(facts) + "\n")
                    log.flush()
                    bar.set_postfix(loss=f"{facts['loss']:.3f}")
                # not after an epoch's last step: a resume from there would skip the validation
                if done % config.loop.checkpoint_steps == 0 and done % stage.steps_per_epoch:
                    checkpoint.save(out, stage.net, optimizer, Progress(step=done, steps=steps))
            stage.net.eval()
            found = stage.validate()
            log.write(json.dumps({"step": done, "epoch": epoch + 1, **found}) + "\n")
            log.flush()
            bar.write(f"epoch {epoch + 1}: " + "  ".join(f"{name} {value:.3f}" for name, value in found.items()))
            plot.losses(out / LOG, out / PLOT)
            checkpoint.save(out, stage.net, optimizer, Progress(step=done, steps=steps))  # last: the epoch is over
