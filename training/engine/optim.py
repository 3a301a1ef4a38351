"""AdamW's parameter groups and the schedule of its learning rate."""

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import AdamW

from training.engine.settings import OptimConfig


def adamw(named: Iterable[tuple[str, nn.Parameter]], config: OptimConfig) -> AdamW:
    """AdamW over the trainable parameters, with weight decay on matrices only; each group knows its `factor`.

    Biases, norms, scalars (fewer than two dimensions) and positions are not decayed, as in CLIP. CLIP's weights, in a
    module named backbone, have `config.backbone` for their factor on the learning rate, the others 1.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        if parameter.requires_grad:
            decay = config.weight_decay if parameter.ndim >= 2 and not name.endswith("positional_embedding") else 0.0
            factor = config.backbone if "backbone" in name.split(".") else 1.0
            groups.setdefault((factor, decay), []).append(parameter)
    parts = [
        {"params": parameters, "weight_decay": decay, "factor": factor}
        for (factor, decay), parameters in sorted(groups.items(), key=lambda group: group[0], reverse=True)
    ]
    return AdamW(parts, lr=config.learning_rate, betas=config.betas, eps=config.eps)


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
