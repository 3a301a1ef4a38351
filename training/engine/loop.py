"""Training loop, read from top to bottom: steps → checkpoints, log and plot. It knows no stage, loss or data."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.errors import ConfigError
from training.engine import checkpoint, plot
from training.engine.batch import Batch
from training.engine.checkpoint import TrainingState
from training.engine.distributed import World
from training.engine.finite import FiniteWatch
from training.engine.optim import adamw, rate, warmup
from training.engine.settings import LoopConfig, OptimConfig

LOG = "log.jsonl"
PLOT = "loss.png"
_LOG_STEPS = 10

BatchOf = TypeVar("BatchOf", bound=Batch)


class Stage(Protocol[BatchOf]):
    """One training stage as the loop sees it: net, batches, loss and validation. The first dimension is the rows."""

    @property
    def net(self) -> nn.Module:
        """The net, on the world's device; parameters that require a gradient are trained."""

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch."""

    @property
    def score(self) -> str:
        """Key of the value of `validate` that chooses the best weights; higher is better."""

    def batches(self, epoch: int, *, start: int) -> Iterator[BatchOf]:
        """Yield this rank's share of each global batch from number `start` on; a resumed run gets the same batches."""

    def embeddings(self, batch: BatchOf) -> dict[str, Tensor]:
        """Run the net on some rows and return all that the loss needs of them, parameters expanded to rows."""

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Return the loss of the global batch's embeddings, a scalar; it reads no parameters of the net."""

    def stepped(self, done: float) -> None:
        """Follow a step of the optimiser, on every rank; `done` is the share of the run that is over."""

    def validate(self) -> dict[str, float]:
        """Return scores of the net in eval mode on unseen data; called on the first rank only."""

    @property
    def images(self) -> Tensor | None:
        """Unit vectors (N, d) of the last validation's images, as a gallery has them; None if it sees no images."""


def fit(stage: Stage[BatchOf], *, seed: int, optim: OptimConfig, loop: LoopConfig, folder: Path, world: World) -> None:
    """Train a stage in `folder`, or resume an interrupted run there, on any number of ranks.

    Writes checkpoint.pt, best.pt, log.jsonl (a line every ten steps and every epoch) and loss.png. Raises ConfigError
    if a batch does not divide among the ranks, if the checkpoint is of another run, or if the loss is not finite.
    """
    net = stage.net
    folder.mkdir(exist_ok=True)
    net.zero_grad(set_to_none=True)  # gradients of an earlier stage in frozen parts would count in the gradient's norm
    parts = _parts(loop, world)
    progress = TrainingState(epochs=loop.epochs, steps_per_epoch=stage.steps_per_epoch, batch=loop.batch)
    optimizer = adamw(net.named_parameters(), optim)
    progress = checkpoint.restore(folder, net, optimizer, start=progress)
    steps, first = progress.steps, progress.step
    firsts = world.gather({"step": torch.tensor([first], device=world.device)})["step"]  # (ranks,)
    if bool((firsts != first).any()):
        raise ConfigError(f"the ranks see different checkpoints in {folder}: it must be one folder that all share")
    world.follow(checkpoint.trained(net).values())
    if world.is_first and (climb := warmup(steps, config=optim)) < optim.warmup_steps:
        print(f"{folder.name}: {climb} steps of warm-up, not {optim.warmup_steps}: a tenth of the run", file=sys.stderr)

    waits = world.device.type != "cpu"  # to read a value there stops the queue of kernels
    finite = FiniteWatch(world.device)
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
                finite.note(progress.step + 1, loss, norm)
                if not waits:  # before it could reach the weights; the same on every rank
                    finite.check(folder)
                optimizer.step()
                progress = replace(progress, step=progress.step + 1)
                stage.stepped(progress.step / steps)

                bar.update()
                if progress.step % _LOG_STEPS == 0:
                    finite.check(folder)
                    speed = (progress.step - first) * loop.batch / (time.monotonic() - began)
                    facts = {"step": progress.step, "loss": loss.item(), "learning_rate": learning_rate}
                    log.write(json.dumps({**facts, "images_per_s": speed}) + "\n")
                    log.flush()
                    bar.set_postfix(loss=f"{facts['loss']:.3f}")
                # not after an epoch's last step: a resume from there would skip the validation
                due = progress.step % loop.checkpoint_steps == 0 and progress.step % stage.steps_per_epoch
                if due:
                    finite.check(folder)
                if due and world.is_first:
                    checkpoint.save(folder, net, optimizer, progress)
            finite.check(folder)
            if world.is_first:
                if (epoch + 1) % loop.validation_epochs == 0 or epoch + 1 == loop.epochs:
                    net.eval()
                    scores = stage.validate()
                    log.write(json.dumps({"step": progress.step, "epoch": epoch + 1, **scores}) + "\n")
                    log.flush()
                    line = "  ".join(f"{name} {value:.3f}" for name, value in scores.items())
                    bar.write(f"epoch {epoch + 1}: {line}")
                    plot.losses(folder / LOG, folder / PLOT)
                    if scores[stage.score] > progress.best:
                        progress = replace(progress, best=scores[stage.score])
                        checkpoint.save_best(folder, net, score=progress.best, epoch=epoch + 1, images=stage.images)
                checkpoint.save(folder, net, optimizer, progress)  # last: the epoch is over
    world.barrier()  # the next stage reads what the first rank wrote


def gradients(
    stage: Stage[BatchOf], batch: BatchOf, *, parts: Sequence[slice], precision: str, key: str, world: World
) -> Tensor:
    """Add the gradient of the global batch's loss to the net's parameters, the same on every rank; return the loss.

    `batch` is this rank's share, `parts` its rows that go through the net at once. The embeddings of all ranks are
    gathered, and the loss is differentiated with respect to the embeddings alone; each rank then takes the gradient of
    its own rows through its own forward passes. The result depends neither on the number of ranks nor on that of parts,
    except for norms over a batch: they see the rows of one forward pass, so that two ranks with a part each equal one
    rank with two. A rank updates its running statistics once for each of its own forward passes; only eval mode reads
    them, and those of the first rank are validated and saved. With several parts the forward passes are computed twice
    instead of kept, also those of frozen towers: GradCache (Gao et al., 2021, Sec. 3.2), about twice the time if the
    towers are most of it. Dropout is seeded by `key` and the part.
    """
    net = stage.net
    own = batch.to(world.device)

    def embed(number: int) -> dict[str, Tensor]:
        reseed(key, part=world.rank * len(parts) + number)  # as if one rank had all parts
        # entered anew for each forward pass: autocast's cache of half weights would carry those of no_grad into it
        with torch.autocast(world.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            return stage.embeddings(own.rows(parts[number]))

    if len(parts) == 1:
        passes = [embed(0)]
    else:
        running = _running(net)
        before = [buffer.clone() for buffer in running]
        with torch.no_grad():
            passes = [embed(number) for number in range(len(parts))]
            for buffer, value in zip(running, before, strict=True):
                buffer.copy_(value)  # the second forward pass updates them
    gathered = world.gather({name: torch.cat([part[name] for part in passes]) for name in passes[0]})  # (M, …) each
    leaves = {name: tensor.requires_grad_(tensor.is_floating_point()) for name, tensor in gathered.items()}
    loss = stage.loss(leaves)
    torch.autograd.backward(loss)

    share = world.share(len(next(iter(leaves.values()))))
    for number, part in enumerate(parts):
        embeddings = passes[number] if len(parts) == 1 else embed(number)
        outer = {
            name: leaf.grad[share][part]
            for name, leaf in leaves.items()
            if leaf.grad is not None and embeddings[name].requires_grad
        }
        torch.autograd.backward([embeddings[name] for name in outer], list(outer.values()))
    world.sum_gradients(net.parameters())
    return loss.detach()


def _running(net: nn.Module) -> list[Tensor]:
    """Return the running statistics, the only state that a forward pass changes; other buffers may be large."""
    norms = (module for module in net.modules() if getattr(module, "track_running_stats", False))
    return [buffer for norm in norms for buffer in norm.buffers(recurse=False)]


def reseed(key: str, *, part: int) -> None:
    """Seed torch's generators for one forward pass, so that it can be repeated, in this run or after a resume."""
    torch.manual_seed(Random(f"{key}/{part}").getrandbits(63))


def _parts(loop: LoopConfig, world: World) -> list[slice]:
    """Return the rows of each forward pass among a rank's own; raises ConfigError if they do not divide."""
    share = world.share(loop.batch)
    rows = share.stop - share.start
    size = min(loop.microbatch or rows, rows)
    if rows % size:
        raise ConfigError(f"a rank's {rows} rows do not divide into parts of {size}: change loop.microbatch")
    return [slice(start, start + size) for start in range(0, rows, size)]


def enter_training(net: nn.Module) -> None:
    """Set training mode, but keep modules that are frozen as a whole in eval mode: no dropout, statistics fixed."""
    net.train()
    for module in net.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
