"""The loss of a re-ranker against loops written from its formula."""

import math

import pytest
import torch

from training.engine import losses


@pytest.mark.parametrize("masked", [True, False])
def test_the_loss_is_the_cross_entropy_of_the_target_over_what_is_no_other_answer(masked: bool) -> None:
    draw = torch.Generator().manual_seed(1)
    scores = torch.randn((5, 7), generator=draw)
    satisfied = (torch.rand((5, 7), generator=draw) < 0.3) & masked
    satisfied[:, 0] = False
    total = 0.0
    for line, known in zip(scores.tolist(), satisfied.tolist(), strict=True):
        worth = [math.exp(score / 0.05) for score, answer in zip(line, known, strict=True) if not answer]
        total -= math.log(math.exp(line[0] / 0.05) / sum(worth)) / 5
    assert float(losses.first(scores, scale=1 / 0.05, ignored=satisfied)) == pytest.approx(total, rel=1e-4)
