"""What a checkpoint holds, and what it is not loaded into."""

from pathlib import Path

import pytest
import torch
from torch import nn

from models.errors import ConfigError
from training.engine import checkpoint, optim
from training.engine.checkpoint import TrainingState
from training.engine.settings import OptimConfig

OPTIM = OptimConfig(learning_rate=0.1, weight_decay=0.1, warmup_steps=1)
START = TrainingState(epochs=2, steps_per_epoch=3, batch=4)


def net(*, width: int = 2) -> nn.ModuleDict:
    """A frozen backbone, a trained head with a norm that counts, and a buffer that is not kept."""
    made = nn.ModuleDict({"backbone": nn.Linear(2, 2).requires_grad_(False), "head": nn.Linear(2, width)})
    made["norm"] = nn.BatchNorm1d(2)
    made.register_buffer("mask", torch.ones(2), persistent=False)
    return made


def test_only_what_trains_and_what_it_counts_is_kept() -> None:
    names = {"head.weight", "head.bias", "norm.weight", "norm.bias"}
    assert checkpoint.trained(net()).keys() == names | {
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"
    }  # fmt: skip


def test_a_frozen_weight_under_a_second_name_is_not_kept_either() -> None:
    made = nn.ModuleDict({"one": nn.Linear(2, 2).requires_grad_(False), "head": nn.Linear(2, 2)})
    made["other"] = made["one"]
    assert checkpoint.trained(made).keys() == {"head.weight", "head.bias"}


def test_a_checkpoint_gives_back_net_optimizer_and_progress(tmp_path: Path) -> None:
    one, other = net(), net()
    optimizers = [optim.adamw(made.named_parameters(), OPTIM) for made in (one, other)]
    torch.autograd.backward(one["head"](torch.ones(1, 2)).sum())
    optimizers[0].step()
    progress = TrainingState(epochs=2, steps_per_epoch=3, batch=4, step=5, best=0.25)
    checkpoint.save(tmp_path, one, optimizers[0], progress)
    assert checkpoint.restore(tmp_path, other, optimizers[1], start=START) == progress
    restored = checkpoint.trained(other)
    assert all(torch.equal(value, restored[name]) for name, value in checkpoint.trained(one).items())
    states = [optimizer.state_dict()["state"] for optimizer in optimizers]
    assert all(torch.equal(states[0][key]["exp_avg"], states[1][key]["exp_avg"]) for key in states[0])
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]


def test_where_there_is_none_a_run_starts(tmp_path: Path) -> None:
    made = net()
    assert checkpoint.restore(tmp_path, made, optim.adamw(made.named_parameters(), OPTIM), start=START) == START


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_weights_of_another_net_are_refused_by_name(change: str) -> None:
    state = checkpoint.trained(net(width=3 if change == "shape" else 2))
    if change == "missing":
        del state["head.weight"]
    if change == "unexpected":
        state["head.scale"] = torch.ones(1)
    with pytest.raises(ConfigError, match=r"another net, which differs in \d tensors, as head"):
        checkpoint.load(net(), state)


def test_loading_leaves_what_is_frozen_alone() -> None:
    one, other = net(), net()
    before = other.get_parameter("backbone.weight").clone()
    checkpoint.load(other, checkpoint.trained(one))
    assert torch.equal(other.get_parameter("backbone.weight"), before)
    assert torch.equal(other.get_parameter("head.weight"), one.get_parameter("head.weight"))


def test_a_run_that_has_not_ended_or_has_no_best_gives_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="train first"):
        checkpoint.best(tmp_path)
    made = net()
    optimizer = optim.adamw(made.named_parameters(), OPTIM)
    checkpoint.save_best(tmp_path, made, score=0.5, epoch=1)
    checkpoint.save(tmp_path, made, optimizer, TrainingState(epochs=2, steps_per_epoch=3, batch=4, step=5))
    with pytest.raises(ConfigError, match="5 of 6 steps"):
        checkpoint.best(tmp_path)
    checkpoint.save(tmp_path, made, optimizer, TrainingState(epochs=2, steps_per_epoch=3, batch=4, step=6))
    assert checkpoint.best(tmp_path).keys() == checkpoint.trained(made).keys()
    assert checkpoint.best_images(tmp_path) is None  # a stage without images
    (tmp_path / checkpoint.BEST).unlink()
    assert checkpoint.best_images(tmp_path) is None
    with pytest.raises(ConfigError, match=r"no best\.pt"):
        checkpoint.best(tmp_path)


def test_a_checkpoint_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    made = net()
    torch.save({"net": made.state_dict(), "step": 3, "steps": 6}, tmp_path / checkpoint.FILE)
    with pytest.raises(ConfigError, match="earlier version"):
        checkpoint.restore(tmp_path, made, optim.adamw(made.named_parameters(), OPTIM), start=START)


def test_weights_grouped_otherwise_are_refused_but_where_no_step_is_left(tmp_path: Path) -> None:
    one, other = net(), net()
    all_in_one = torch.optim.AdamW([weight for weight in one.parameters() if weight.requires_grad])
    asked = optim.adamw(other.named_parameters(), OPTIM)
    assert len(all_in_one.param_groups) != len(asked.param_groups)
    for step in (5, 6):
        checkpoint.save(tmp_path, one, all_in_one, TrainingState(epochs=2, steps_per_epoch=3, batch=4, step=step))
        if step == 5:
            with pytest.raises(ConfigError, match="earlier version"):
                checkpoint.restore(tmp_path, other, asked, start=START)
    assert checkpoint.restore(tmp_path, other, asked, start=START).step == 6
    assert all(torch.equal(value, checkpoint.trained(other)[name]) for name, value in checkpoint.trained(one).items())
