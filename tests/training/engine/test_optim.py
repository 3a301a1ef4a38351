"""The optimiser's groups and its schedule."""

from itertools import pairwise

from torch import nn

from training.engine import optim
from training.engine.settings import OptimConfig

CONFIG = OptimConfig(learning_rate=1.0, weight_decay=0.1, warmup_steps=20)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(3, 3), nn.LayerNorm(3)
        self.positional_embedding = nn.Parameter(nn.init.zeros_(self.linear.weight.clone().detach()))
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def test_only_matrices_decay_and_only_what_trains_is_optimised() -> None:
    net = Net()
    decayed, kept = optim.adamw(net.named_parameters(), CONFIG).param_groups
    assert [id(p) for p in decayed["params"]] == [id(net.linear.weight)]
    assert decayed["weight_decay"] == 0.1
    assert kept["weight_decay"] == 0.0
    assert {id(p) for p in kept["params"]} == {
        id(p) for p in (net.linear.bias, net.norm.weight, net.norm.bias, net.positional_embedding)
    }


def test_clips_own_weights_have_their_factor_on_the_rate() -> None:
    net = nn.ModuleDict({"online": nn.ModuleDict({"backbone": nn.Linear(3, 3), "predictor": nn.Linear(3, 3)})})
    groups = optim.adamw(net.named_parameters(), CONFIG.model_copy(update={"backbone": 0.1})).param_groups
    factor = {id(parameter): group["factor"] for group in groups for parameter in group["params"]}
    for name, parameter in net.named_parameters():
        assert factor[id(parameter)] == (0.1 if "backbone" in name else 1.0)
    assert len(groups) == 4  # each with and without decay


def test_the_rate_climbs_to_its_peak_and_falls_to_zero() -> None:
    rates = [optim.rate(step, steps=400, config=CONFIG) for step in range(401)]
    assert rates[:20] == [(step + 1) / 20 for step in range(20)]
    assert max(rates) == rates[20] == 1.0
    assert all(a > b for a, b in pairwise(rates[20:]))
    assert rates[400] < 1e-12


def test_a_short_run_warms_up_for_a_tenth_at_most() -> None:
    rates = [optim.rate(step, steps=50, config=CONFIG) for step in range(50)]
    assert rates.index(max(rates)) <= 5
    assert [optim.warmup(steps, config=CONFIG) for steps in (5, 50, 199, 200, 400)] == [0, 5, 19, 20, 20]
