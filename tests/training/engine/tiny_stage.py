"""A stage small enough to be recomputed, and its run; as a command, in processes that can be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.engine import checkpoint, loop
from training.engine.batch import Batch
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig

ROOT = Path(__file__).parents[3]
ROWS, BATCH, EPOCHS = 48, 8, 3
STEPS = EPOCHS * ROWS // BATCH
SEED = 5
OPTIM = OptimConfig(learning_rate=1e-2, weight_decay=0.1, warmup_steps=2, clip_norm=0.5)
ALONE = World.alone(torch.device("cpu"))


class Net(nn.Module):
    """Pixels (B, 6) → embedding (B, 4): a frozen part, a trained one, a temperature."""

    def __init__(self, *, dropout: float, norm: bool) -> None:
        super().__init__()
        self.frozen = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5)).requires_grad_(False)
        self.body = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8) if norm else nn.Identity(), nn.Dropout(dropout))
        self.head = nn.Linear(8, 4)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.idle = nn.Linear(2, 2)  # trained, but of no influence

    def forward(self, pixels: Tensor) -> Tensor:
        return F.normalize(self.head(self.body(self.frozen(pixels)).relu()), dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyBatch(Batch):
    """Images and the vectors that they should become."""

    pixels: Tensor  # (b, 6)
    targets: Tensor  # (b, 4)
    ignored: Tensor  # bool (b, M)


class Tiny:
    """Contrast of the net's embeddings with fixed ones, in double precision."""

    score = "recall_1"
    steps_per_epoch = ROWS // BATCH

    def __init__(
        self,
        world: World,
        *,
        dropout: float = 0.0,
        norm: bool = False,
        scores: tuple[float, ...] = (0.1, 0.2, 0.3),
        broken_step: int = -1,
        killed_step: int = -1,
    ) -> None:
        torch.manual_seed(SEED)
        self.net = Net(dropout=dropout, norm=norm).double()
        self.pixels = torch.randn(ROWS, 6, dtype=torch.float64)
        self.targets = F.normalize(torch.randn(ROWS, 4, dtype=torch.float64), dim=-1)
        self.world, self.scores, self.broken_step, self.killed_step = world, scores, broken_step, killed_step
        self.epoch = 0
        self.seen: list[dict[str, Tensor]] = []  # the state at each validation
        self.done: list[float] = []  # after each step
        self.images: Tensor | None = None

    def batches(self, epoch: int, *, start: int) -> Iterator[TinyBatch]:
        self.epoch = epoch
        order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(epoch)).view(-1, BATCH)
        for number in range(start, len(order)):
            step = epoch * self.steps_per_epoch + number
            if step == self.killed_step:
                os.kill(os.getpid(), signal.SIGKILL)
            rows = order[number]
            ignored = (rows[:, None] + rows) % 7 == 0  # (M, M)
            own = self.world.share(BATCH)
            pixels = self.pixels[rows][own] * (float("nan") if step == self.broken_step else 1.0)
            ignored = ignored.fill_diagonal_(False)[own]  # (b, M)
            yield TinyBatch(pixels=pixels, targets=self.targets[rows][own], ignored=ignored)

    def embeddings(self, batch: TinyBatch) -> dict[str, Tensor]:
        found = self.net(batch.pixels)
        scale = self.net.scale.exp().expand(len(found))
        return {"found": found, "targets": batch.targets, "scale": scale, "ignored": batch.ignored}

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        scores = found["scale"][:, None] * found["found"] @ found["targets"].T  # (M, M)
        scores = scores.masked_fill(found["ignored"], float("-inf"))
        return F.cross_entropy(scores, torch.arange(len(scores)))

    def stepped(self, done: float) -> None:
        self.done.append(done)

    def validate(self) -> dict[str, float]:
        self.seen.append({name: value.clone() for name, value in checkpoint.trained(self.net).items()})
        assert not self.net.training
        self.images = torch.full((3, 4), float(len(self.seen)))
        return {"recall_1": self.scores[self.epoch]}


def fit(
    stage: Tiny,
    folder: Path,
    *,
    microbatch: int = 0,
    batch: int = BATCH,
    epochs: int = EPOCHS,
    validation_epochs: int = 1,
) -> dict[str, Tensor]:
    """A run of the loop in `folder`; gives what the net has become."""
    folder.mkdir(exist_ok=True)
    config = LoopConfig(
        epochs=epochs,
        batch=batch,
        microbatch=microbatch,
        precision="float32",
        checkpoint_steps=4,
        validation_epochs=validation_epochs,
    )
    loop.fit(stage, seed=SEED, optim=OPTIM, loop=config, folder=folder, world=stage.world)
    return checkpoint.trained(stage.net)


def run_script(folder: Path, *, ranks: int = 1, microbatch: int = 0, **options: object) -> int:
    """Runs it in processes of its own, under torchrun where there are several; gives the exit status."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    command = [sys.executable, *torchrun, __file__, str(folder), str(microbatch), json.dumps(options)]
    # as many threads as here, where the weights must be the same bit for bit: sums in another order round otherwise
    threads = 1 if ranks > 1 else torch.get_num_threads()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, timeout=280).returncode


if __name__ == "__main__":
    out, microbatch, options = sys.argv[1:]
    with World.join(ALONE.device) as world:
        fit(Tiny(world, **json.loads(options)), Path(out), microbatch=int(microbatch))
