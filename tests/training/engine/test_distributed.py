"""Ranks that talk to each other, on two processes under torchrun. Also the script that they run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from models.errors import ConfigError
from training.engine.distributed import World

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")


def test_alone_nothing_is_changed() -> None:
    world = World.alone(CPU)
    rows = torch.randn(3, 2, requires_grad=True)
    parameter = nn.Parameter(torch.ones(2))
    parameter.grad = torch.tensor([1.0, 2.0])
    world.sum_gradients([parameter])
    world.follow([parameter.detach()])
    world.barrier()
    gathered = world.gather({"rows": rows})["rows"]
    assert torch.equal(gathered, rows) and not gathered.requires_grad
    assert parameter.grad.tolist() == [1.0, 2.0]
    assert world.is_first and world.share(6) == slice(0, 6)


def test_the_shares_of_all_ranks_are_the_batch_in_order() -> None:
    batch = list(range(12))
    shares = [batch[World(rank=rank, size=4, device=CPU).share(12)] for rank in range(4)]
    assert shares == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="a batch of 10 does not divide among 4 ranks"):
        World(rank=0, size=4, device=CPU).share(10)


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with World.join(CPU) as world:
        assert world == World.alone(CPU)


def test_a_gpu_that_is_not_there_is_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match="torch sees"), World.join(torch.device("cuda:99")):
        pass


def test_two_ranks_gather_sum_follow_and_wait(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "made"]


def two_ranks(folder: Path) -> None:
    """What each of two ranks does and expects."""
    with World.join(CPU) as world:
        own = torch.arange(4.0).view(2, 2) + 10 * world.rank  # (b, 2)
        gathered = world.gather({"rows": own.requires_grad_(), "flags": own > 10, "half": own[:, 0].bfloat16()})
        assert gathered["rows"].tolist() == [[0, 1], [2, 3], [10, 11], [12, 13]]
        assert gathered["flags"].tolist() == [[False, False], [False, False], [False, True], [True, True]]
        assert gathered["half"].tolist() == [0, 2, 10, 12]
        assert not gathered["rows"].requires_grad

        parameters = [nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(3, 2).T), nn.Parameter(torch.zeros(1))]
        for number, parameter in enumerate(parameters[:2]):
            parameter.grad = torch.arange(6.0).view(3, 2).T.view_as(parameter) * (number + 1) * (world.rank + 1)
        world.sum_gradients(parameters)
        expected = torch.arange(6.0).view(3, 2).T * 3
        assert [torch.equal(p.grad, expected * n) for n, p in enumerate(parameters[:2], 1) if p.grad is not None] == [
            True
        ] * 2
        assert parameters[2].grad is None

        value = torch.full((2,), float(world.rank))
        world.follow([value])
        assert value.tolist() == [0, 0]

        with world.first():
            assert (folder / "made").exists() != world.is_first
            (folder / "made").touch()
        (folder / str(world.rank)).touch()


if __name__ == "__main__":
    two_ranks(Path(sys.argv[1]))
