"""InstructCIR's phases against loops written from the paper's formulas, on a tiny network."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.reformulation import Reformulation
from tests.models import tiny
from tests.present import present
from tests.training.methods.few import END, ROWS, Triplets
from training.engine import loop
from training.engine.distributed import World
from training.engine.ema import Average
from training.engine.settings import LoopConfig
from training.methods.instruct.config import Momentum, ReformulatingLoss
from training.methods.instruct.reformulating import Combining, Pair, Reformulating

LOOP = LoopConfig(epochs=1, batch=ROWS, precision="float32")
LOSS = ReformulatingLoss(temperature=0.05)


def pair(*, averaged: bool = True) -> Pair:
    torch.manual_seed(4)
    return Pair(Reformulation(tiny.backbone(end=END), null=torch.tensor([[2, END]])), averaged=averaged)


def reformulating(made: Pair, *, loss: ReformulatingLoss = LOSS, momentum: float = 0.9) -> Reformulating:
    return Reformulating(
        pair=made,
        data=Triplets(),
        loss=loss,
        momentum=Momentum(start=momentum, end=1.0),
        loop=LOOP,
        world=World.alone(torch.device("cpu")),
    )


def combining(made: Pair, *, steps: int = 0, batch: int = ROWS) -> Combining:
    world, whole = World.alone(torch.device("cpu")), LOOP.model_copy(update={"batch": batch})
    return Combining(pair=made, data=Triplets(), loss=LOSS, steps=steps, loop=whole, world=world)


def step(stage: Reformulating | Combining) -> Tensor:
    (batch,) = stage.batches(0, start=0)
    world = World.alone(torch.device("cpu"))
    return loop.gradients(stage, batch, parts=[slice(0, ROWS)], precision="float32", key="1", world=world)


@torch.no_grad()
@pytest.mark.parametrize("satisfied", [True, False])
def test_the_loss_is_that_of_the_equation(satisfied: bool) -> None:
    stage = reformulating(pair(), loss=ReformulatingLoss(temperature=0.05, satisfied=satisfied))
    (batch,) = stage.batches(0, start=0)
    net, total = stage.net.online, 0.0
    targets = [net(batch.target[[row]])[0] for row in range(ROWS)]
    for row in range(ROWS):
        query = net.compose(batch.reference[[row]], net.words(batch.text[[row]]))[0]
        scores = {other: math.exp(float(query @ target) / 0.05) for other, target in enumerate(targets)}
        if satisfied:
            scores = {other: value for other, value in scores.items() if not present(batch.satisfied)[row, other]}
        total -= math.log(scores[row] / sum(scores.values())) / ROWS
    assert float(stage.loss(stage.embeddings(batch))) == pytest.approx(total, rel=1e-4)


def test_captions_add_their_own_contrast_where_they_are_asked_for() -> None:
    stage, plain = (reformulating(pair(), loss=LOSS.model_copy(update={"captions": weight})) for weight in (0.5, 0.0))
    (batch,) = stage.batches(0, start=0)
    present(batch.target_row)[1] = present(batch.target_row)[4]  # one picture under two rows
    net, total = stage.net.online, 0.0
    with torch.no_grad():
        targets = [net(batch.target[[row]])[0] for row in range(ROWS)]
        described = torch.zeros(ROWS, ROWS, dtype=torch.bool)
        described[2, 3] = True  # a caption that fits another target as well
        batch = replace(batch, described=described)
        for row in range(ROWS):
            caption = net.words(present(batch.target_caption)[[row]]).vector[0]
            scores = [math.exp(float(caption @ target) / 0.05) for target in targets]
            named = present(batch.target_row)
            others = [n for n in range(ROWS) if n == row or (named[n] != named[row] and not described[row, n])]
            total -= math.log(scores[row] / sum(scores[other] for other in others)) / ROWS
        whole, without = (float(each.loss(each.embeddings(batch))) for each in (stage, plain))
    assert whole - without == pytest.approx(0.5 * total, rel=1e-4)
    assert "caption" not in plain.embeddings(batch)


def test_no_gradient_reaches_the_average_and_a_step_moves_it_by_one_minus_the_momentum() -> None:
    made = pair()
    stage = reformulating(made, momentum=0.9)
    average = made.average
    assert average is not None and not list(average.parameters())
    before = {name: value.clone() for name, value in average.values().items()}
    step(stage)
    assert all(not value.requires_grad and torch.equal(value, before[name]) for name, value in average.values().items())
    with torch.no_grad():
        for parameter in made.online.parameters():
            parameter.add_(torch.randn_like(parameter))
    stage.stepped(0.5)  # half-way from .9 to 1
    learning = {name: value for name, value in made.online.named_parameters() if value.requires_grad}
    for name, parameter in learning.items():
        moved = 0.95 * before[name] + 0.05 * parameter
        assert torch.allclose(average.values()[name], moved, atol=1e-6), name
    assert average.values().keys() == learning.keys()


def test_with_the_average_targets_are_its_own_and_without_they_learn() -> None:
    made = pair()
    with torch.no_grad():
        for parameter in made.online.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    pixels = Triplets().pictures
    settled, old = made.settled(), pair().online
    with torch.no_grad():
        assert torch.allclose(made.target(pixels), old(pixels), atol=1e-6)
        assert torch.allclose(settled(pixels), old(pixels), atol=1e-6)
        assert not torch.allclose(made.online(pixels), old(pixels), atol=1e-2)
    assert not made.target(pixels).requires_grad
    assert pair(averaged=False).target(pixels).requires_grad


def test_every_weight_that_learns_gets_a_gradient_in_the_first_phase() -> None:
    stage = reformulating(pair())
    step(stage)
    silent = {name for name, p in stage.net.named_parameters() if p.requires_grad and p.grad is None}
    frozen = {name for name, p in stage.net.named_parameters() if not p.requires_grad}
    assert not silent and frozen == {"online.backbone.clip.logit_scale", "online.combiner.logit"}


def test_the_second_phase_moves_lambda_alone_and_mixes_as_the_equation_says() -> None:
    made = pair()
    stage = combining(made)
    step(stage)
    assert [name for name, p in made.named_parameters() if p.grad is not None] == ["online.combiner.logit"]
    (batch,) = stage.batches(0, start=0)
    with torch.no_grad():
        found = stage.embeddings(batch)["composed"]
        words = made.online.words(batch.text)
        mixed = 0.85 * made.online.compose(batch.reference, words) + 0.15 * words.vector
    assert torch.allclose(found, F.normalize(mixed, dim=-1), atol=1e-5)
    assert set(stage.validate()) == {"recall_1", "recall_10", "lambda"}


def test_lambda_learns_from_so_many_batches_in_whatever_passes_that_takes() -> None:
    made = pair()
    assert len(list(combining(made, batch=2).batches(0, start=0))) == 3  # each triplet once
    for steps in (2, 3, 7):
        stage = combining(made, steps=steps, batch=2)
        whole, resumed = list(stage.batches(0, start=0)), list(stage.batches(0, start=1))
        assert (stage.steps_per_epoch, len(whole), len(resumed)) == (steps, steps, steps - 1)
        assert all(torch.equal(value, resumed[0].tensors()[name]) for name, value in whole[1].tensors().items())


def test_an_average_follows_what_it_was_made_of() -> None:
    linear = torch.nn.Linear(2, 2)
    average = Average(linear)
    with torch.no_grad():
        linear.weight.fill_(1.0)
        start = average.values()["weight"].clone()
    average.follow(linear, momentum=1.0)
    assert torch.equal(average.values()["weight"], start)
    average.follow(linear, momentum=0.0)
    assert torch.equal(average.values()["weight"], linear.weight)
    assert average.state_dict().keys() == {"weight", "bias"}
