"""One training run, read from top to bottom: config → stage → steps → checkpoints, log and plot."""

import hashlib
import json
import logging
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
    text = config_file.read_text(encoding="utf-8")
    digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()
    out.mkdir(parents=True, exist_ok=True)
    if (out / CONFIG).exists() and Config.read(out / CONFIG) != config:
        raise ConfigError(f"{out} holds a run with another config: choose another --out or delete it")
    (out / CONFIG).write_text(text, encoding="utf-8")

    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    stage = Contrast(config, out=out, cache=out.parent / "cache")
    optimizer = optim.adamw(stage.net.named_parameters(), config.optim)
    steps = stage.steps_per_epoch * config.loop.epochs
    done = checkpoint.restore(out, stage.net, optimizer, digest=digest)
    half = config.loop.precision == "bfloat16"

    began, first = time.monotonic(), done
    with (out / LOG).open("a", encoding="utf-8") as log, tqdm(total=steps, initial=done, unit="step") as bar:
        for epoch in range(done // stage.steps_per_epoch, config.loop.epochs):
            stage.net.train()
            for batch in stage.batches(epoch, start=done % stage.steps_per_epoch):
                learning_rate = optim.rate(done, steps=steps, config=config.optim)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
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
                if done % config.loop.checkpoint_steps == 0:
                    checkpoint.save(out, stage.net, optimizer, Progress(step=done, digest=digest))
            stage.net.eval()
            found = stage.validate()
            log.write(json.dumps({"step": done, "epoch": epoch + 1, **found}) + "\n")
            log.flush()
            bar.write(f"epoch {epoch + 1}: " + "  ".join(f"{name} {value:.3f}" for name, value in found.items()))
            checkpoint.save(out, stage.net, optimizer, Progress(step=done, digest=digest))
            plot.losses(out / LOG, out / PLOT)
