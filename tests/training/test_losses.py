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
