"""AdamW's parameter groups and the schedule of its learning rate."""

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import AdamW

from training.config import OptimConfig


def adamw(named: Iterable[tuple[str, nn.Parameter]], config: OptimConfig) -> AdamW:
    """AdamW over the trainable parameters, with weight decay on matrices only.

    Biases, norms and the temperature (fewer than two dimensions) and positions are not decayed, as in CLIP.
    """
    trainable = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    decayed = [p for name, p in trainable if p.ndim >= 2 and not name.endswith("positional_embedding")]
    kept = [p for name, p in trainable if p.ndim < 2 or name.endswith("positional_embedding")]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    return AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.eps)


def warmup(steps: int, *, config: OptimConfig) -> int:
    """Steps of the warm-up: the config's, but at most a tenth of a run of `steps`."""
    return min(config.warmup_steps, steps // 10)


def rate(step: int, *, steps: int, config: OptimConfig) -> float:
    """The learning rate of the 0-based `step` of `steps`: the warm-up, then a cosine."""
    first = warmup(steps, config=config)
    if step < first:
        return config.learning_rate * (step + 1) / first
    progress = (step - first) / max(1, steps - first)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
