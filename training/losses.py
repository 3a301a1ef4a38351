"""Losses on tensors; none knows a model."""

import torch
from torch import Tensor
from torch.nn import functional as F


def symmetric_nce(left: Tensor, right: Tensor, *, scale: Tensor, ignored: Tensor | None = None) -> Tensor:
    """The mean over both directions of the cross-entropy of each row's own partner among all partners.

    left, right (B, d), L2-normalised, row i of one belonging to row i of the other; `scale` is 1/τ; `ignored` (B, B),
    False on its diagonal, marks pairs that are no negatives. CLIP (Radford et al., 2021, Fig. 3): NCE(A, B).
    """
    with torch.autocast(left.device.type, enabled=False):  # bfloat16 would round scores near 1/τ to halves
        scores = scale * left.float() @ right.float().T  # (B, B)
    if ignored is not None:
        scores = scores.masked_fill(ignored, float("-inf"))
    own = torch.arange(len(left), device=left.device)  # (B,)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
