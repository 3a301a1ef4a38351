"""Losses against plain loops written from their formulas."""

import math

import torch
from torch.nn import functional as F

from training.losses import symmetric_nce


def test_symmetric_nce_equals_a_loop_over_its_formula() -> None:
    torch.manual_seed(0)
    left, right = F.normalize(torch.randn(6, 8), dim=1), F.normalize(torch.randn(6, 8), dim=1)
    scale, total = 7.0, 0.0
    for i in range(6):
        forward = [math.exp(scale * float(left[i] @ right[j])) for j in range(6)]
        backward = [math.exp(scale * float(left[j] @ right[i])) for j in range(6)]
        total -= math.log(forward[i] / sum(forward)) + math.log(backward[i] / sum(backward))
    ours = symmetric_nce(left, right, scale=torch.tensor(scale))
    assert abs(float(ours) - total / 12) < 1e-5


def test_pairs_that_are_ignored_are_in_neither_sum() -> None:
    torch.manual_seed(0)
    left, right = F.normalize(torch.randn(6, 8), dim=1), F.normalize(torch.randn(6, 8), dim=1)
    ignored = (torch.rand(6, 6) < 0.3).fill_diagonal_(False)
    scale, total = 7.0, 0.0
    for i in range(6):
        forward = [math.exp(scale * float(left[i] @ right[j])) for j in range(6) if not ignored[i, j]]
        backward = [math.exp(scale * float(left[j] @ right[i])) for j in range(6) if not ignored[j, i]]
        own = math.exp(scale * float(left[i] @ right[i]))
        total -= math.log(own / sum(forward)) + math.log(own / sum(backward))
    ours = symmetric_nce(left, right, scale=torch.tensor(scale), ignored=ignored)
    assert abs(float(ours) - total / 12) < 1e-5
    assert not torch.allclose(ours, symmetric_nce(left, right, scale=torch.tensor(scale)))


def test_the_scores_are_float32_under_autocast() -> None:
    torch.manual_seed(0)
    left, right = F.normalize(torch.randn(6, 64), dim=1), F.normalize(torch.randn(6, 64), dim=1)
    expected = symmetric_nce(left, right, scale=torch.tensor(100.0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(symmetric_nce(left, right, scale=torch.tensor(100.0)), expected)
