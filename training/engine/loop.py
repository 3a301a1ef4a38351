"""The training loop, read from top to bottom: steps → checkpoints, log and plot. It knows no stage, loss or data."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.errors import ConfigError
from training.engine import checkpoint, plot
from training.engine.checkpoint import TrainingState
from training.engine.distributed import World
from training.engine.optim import adamw, rate, warmup
from training.engine.settings import LoopConfig, OptimConfig

LOG = "log.jsonl"
PLOT = "loss.png"
_LOG_STEPS = 10


class Stage(Protocol):
    """What the loop needs to know of what it trains. Every tensor's first dimension is the rows."""

    @property
    def net(self) -> nn.Module:
        """On the world's device; what requires a gradient is trained, and what is frozen is kept in eval mode."""

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch."""

    @property
    def score(self) -> str:
        """Which of `validate`'s values chooses the best weights; higher is better."""

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's share of each global batch of the epoch, from number `start` on; a resume sees the same."""

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The forward pass of some rows: everything of them that the loss needs, parameters expanded to rows."""

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """The loss of the global batch's embeddings, a scalar; it reads no parameters of the net."""

    def stepped(self, done: float) -> None:
        """What follows a step of the optimiser, on every rank; `done` is the share of the run that is over."""

    def validate(self) -> dict[str, float]:
        """What the net in eval mode reaches on unseen data; asked of the first rank only."""


def fit(stage: Stage, *, seed: int, optim: OptimConfig, loop: LoopConfig, folder: Path, world: World) -> None:
    """Trains a stage in `folder`, going on where an interrupted run stopped, on as many ranks as there now are.

    Leaves checkpoint.pt, best.pt, log.jsonl (a line every ten steps and every epoch) and loss.png. Raises ConfigError
    for a batch that does not divide, for another run's checkpoint, and where the loss is no longer finite.
    """
    net = stage.net
    net.zero_grad(set_to_none=True)  # what an earlier stage left in frozen parts would count in the gradient's norm
    parts = _parts(loop, world)
    progress = TrainingState(epochs=loop.epochs, steps_per_epoch=stage.steps_per_epoch, batch=loop.batch)
    optimizer = adamw(net.named_parameters(), optim)
    progress = checkpoint.restore(folder, net, optimizer, start=progress)
    steps, first = progress.steps, progress.step
    seen = world.gather({"step": torch.tensor([first], device=world.device)})["step"]  # (ranks,)
    if bool((seen != first).any()):
        raise ConfigError(f"the ranks see different checkpoints in {folder}: it must be one folder that all share")
    world.follow(checkpoint.trained(net).values())
    if world.is_first and (climb := warmup(steps, config=optim)) < optim.warmup_steps:
        print(f"{folder.name}: {climb} steps of warm-up, not {optim.warmup_steps}: a tenth of the run", file=sys.stderr)

    began = time.monotonic()
    log_file = folder / LOG if world.is_first else Path(os.devnull)
    with (
        log_file.open("a", encoding="utf-8") as log,
        tqdm(total=steps, initial=first, unit="step", disable=not world.is_first) as bar,
    ):
        for epoch in range(first // stage.steps_per_epoch, loop.epochs):
            enter_training(net)
            for batch in stage.batches(epoch, start=progress.step % stage.steps_per_epoch):
                learning_rate = rate(progress.step, steps=steps, config=optim)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate * group["factor"]
                optimizer.zero_grad(set_to_none=True)
                key = f"{seed}/{progress.step}"
                loss = gradients(stage, batch, parts=parts, precision=loop.precision, key=key, world=world)
                norm = nn.utils.clip_grad_norm_(net.parameters(), optim.clip_norm)
                if not torch.isfinite(loss + norm):  # the same on every rank; before it could reach the weights
                    raise ConfigError(
                        f"at step {progress.step + 1} the loss is {loss.item()} and its gradient {norm.item()}: lower "
                        f"optim.learning_rate or look at the data; the checkpoint in {folder} is from before"
                    )
                optimizer.step()
                progress = replace(progress, step=progress.step + 1)
                stage.stepped(progress.step / steps)

                bar.update()
                if progress.step % _LOG_STEPS == 0:
                    speed = (progress.step - first) * loop.batch / (time.monotonic() - began)
                    facts = {"step": progress.step, "loss": loss.item(), "learning_rate": learning_rate}
                    log.write(json.dumps({**facts, "images_per_s": speed}) + "\n")
                    log.flush()
                    bar.set_postfix(loss=f"{facts['loss']:.3f}")
                # not after an epoch's last step: a resume from there would skip the validation
                due = progress.step % loop.checkpoint_steps == 0 and progress.step % stage.steps_per_epoch
                if due and world.is_first:
                    checkpoint.save(folder, net, optimizer, progress)
            if world.is_first:
                if (epoch + 1) % loop.validation_epochs == 0 or epoch + 1 == loop.epochs:
                    net.eval()
                    found = stage.validate()
                    log.write(json.dumps({"step": progress.step, "epoch": epoch + 1, **found}) + "\n")
                    log.flush()
                    said = "  ".join(f"{name} {value:.3f}" for name, value in found.items())
                    bar.write(f"epoch {epoch + 1}: {said}")
                    plot.losses(folder / LOG, folder / PLOT)
                    if found[stage.score] > progress.best:
                        progress = replace(progress, best=found[stage.score])
                        checkpoint.save_best(folder, net, score=progress.best, epoch=epoch + 1)
                checkpoint.save(folder, net, optimizer, progress)  # last: the epoch is over
    world.barrier()  # what comes next may read what the first rank wrote


def gradients(
    stage: Stage, batch: Mapping[str, Tensor], *, parts: Sequence[slice], precision: str, key: str, world: World
) -> Tensor:
    """Adds the gradient of the global batch's loss to the net's parameters, the same on every rank; gives the loss.

    `batch` is this rank's share, `parts` the rows of it that go through the net at once. The embeddings of all ranks
    are gathered and the loss is differentiated with respect to them alone; each rank then takes the gradient of its
    own rows through its own passes. Neither the number of ranks nor that of parts changes the result, but for norms
    over a batch: they see the rows of one pass, so that two ranks with a part each equal one rank with two. A rank
    updates its running statistics once for each of its own passes; only eval mode reads them, and the first rank's
    are validated and saved. With several parts the passes are computed twice instead of kept, the frozen towers' too:
    GradCache (Gao et al., 2021, Sec. 3.2), about twice the time where the towers are most of it. Dropout is drawn from
    `key` and the part.
    """
    net = stage.net
    own = {name: tensor.to(world.device, non_blocking=True) for name, tensor in batch.items()}

    def embed(number: int) -> dict[str, Tensor]:
        reseed(key, part=world.rank * len(parts) + number)  # as if one rank had all parts
        # entered anew for each pass: autocast's cache of half weights would carry those of no_grad into the second
        with torch.autocast(world.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            return stage.embeddings({name: tensor[parts[number]] for name, tensor in own.items()})

    if len(parts) == 1:
        passes = [embed(0)]
    else:
        running = _running(net)
        before = [buffer.clone() for buffer in running]
        with torch.no_grad():
            passes = [embed(number) for number in range(len(parts))]
            for buffer, value in zip(running, before, strict=True):
                buffer.copy_(value)  # they are taken once, by the second pass
    gathered = world.gather({name: torch.cat([found[name] for found in passes]) for name in passes[0]})  # (M, …) each
    leaves = {name: tensor.requires_grad_(tensor.is_floating_point()) for name, tensor in gathered.items()}
    loss = stage.loss(leaves)
    torch.autograd.backward(loss)

    share = world.share(len(next(iter(leaves.values()))))
    for number, part in enumerate(parts):
        found = passes[number] if len(parts) == 1 else embed(number)
        wanted = {
            name: leaf.grad[share][part]
            for name, leaf in leaves.items()
            if leaf.grad is not None and found[name].requires_grad
        }
        torch.autograd.backward([found[name] for name in wanted], list(wanted.values()))
    world.sum_gradients(net.parameters())
    return loss.detach()


def _running(net: nn.Module) -> list[Tensor]:
    """The running statistics, the only state that a pass changes; other buffers may be as large as the net."""
    norms = (module for module in net.modules() if getattr(module, "track_running_stats", False))
    return [buffer for norm in norms for buffer in norm.buffers(recurse=False)]


def reseed(key: str, *, part: int) -> None:
    """Sets torch's generators for one forward pass, so that it can be repeated, in this run or after a resume."""
    torch.manual_seed(Random(f"{key}/{part}").getrandbits(63))


def _parts(loop: LoopConfig, world: World) -> list[slice]:
    """The rows of each forward pass among a rank's own; raises ConfigError where they do not divide."""
    share = world.share(loop.batch)
    rows = share.stop - share.start
    size = min(loop.microbatch or rows, rows)
    if rows % size:
        raise ConfigError(f"a rank's {rows} rows do not divide into parts of {size}: change loop.microbatch")
    return [slice(start, start + size) for start in range(0, rows, size)]


def enter_training(net: nn.Module) -> None:
    """Training mode for what trains; modules that are frozen as a whole stay without dropout, statistics fixed."""
    net.train()
    for module in net.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
