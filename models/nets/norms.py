"""Batch norms moved into the convolutions before them, once they are trained: what an export would do by itself."""

from itertools import pairwise

import torch
from torch import nn


@torch.no_grad()
def fold_norms(module: nn.Module) -> None:
    """Scale each convolution as the batch norm right after it does, so that this only adds a bias.

    The two are neighbours among the children of one module. No output changes, but for rounding; a second call changes
    nothing.
    """
    for parent in module.modules():
        for conv, norm in pairwise(parent.children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                _fold(conv, norm)


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise AssertionError("these norms keep statistics")
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()  # (w,)
    conv.weight.mul_(scale[:, None, None, None])
    norm.bias.sub_(norm.running_mean * scale)
    norm.weight.fill_(1.0)
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
