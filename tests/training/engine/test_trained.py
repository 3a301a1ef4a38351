"""State dict of a checkpoint: trainable parameters and their modules' buffers, none of a frozen module."""

import torch
from torch import nn

from training.engine import checkpoint
from training.engine.ema import Average


def test_a_frozen_modules_buffers_are_not_saved_and_an_average_is() -> None:
    frozen, learning = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)) for _ in range(2))
    net = nn.ModuleDict({"frozen": frozen.requires_grad_(False), "learning": learning, "average": Average(learning)})
    names = set(checkpoint.trained(net))
    assert not any(name.startswith("frozen") for name in names)
    assert {"learning.0.weight", "learning.1.running_mean"} <= names
    assert any(name.startswith("average") for name in names)
    checkpoint.load(net, {name: torch.zeros_like(net.state_dict()[name]) for name in names})
    assert not net.state_dict()["learning.1.running_var"].any()
