"""AdamW's parameter groups, and its learning rate over the steps."""

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import AdamW

from training.engine.settings import OptimConfig

_TEXT_BLOCKS = (".clip.transformer.", ".clip.text.transformer.")  # of open_clip's two kinds of model


def adamw(named: Iterable[tuple[str, nn.Parameter]], config: OptimConfig) -> AdamW:
    """Return AdamW over the trainable parameters, with weight decay on matrices only; each group has a `factor`.

    Biases, norms, scalars (fewer than two dimensions) and positions are not decayed, as in CLIP. The learning rate of
    CLIP's weights, in a module named backbone, is multiplied by `config.backbone`, and that of its text tower's blocks
    by `config.text` as well.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        if parameter.requires_grad:
            decay = config.weight_decay if parameter.ndim >= 2 and not name.endswith("positional_embedding") else 0.0
            factor = config.backbone if "backbone" in name.split(".") else 1.0
            factor *= config.text if any(part in f".{name}" for part in _TEXT_BLOCKS) else 1.0
            groups.setdefault((factor, decay), []).append(parameter)
    parts = [
        {"params": parameters, "weight_decay": decay, "factor": factor}
        for (factor, decay), parameters in sorted(groups.items(), key=lambda group: group[0], reverse=True)
    ]
    return AdamW(parts, lr=config.learning_rate, betas=config.betas, eps=config.eps)


def warmup(steps: int, *, config: OptimConfig) -> int:
    """Return the number of warm-up steps: the config's, but at most a tenth of `steps`."""
    return min(config.warmup_steps, steps // 10)


def rate(step: int, *, steps: int, config: OptimConfig) -> float:
    """Return the learning rate of the 0-based `step` of `steps`: a warm-up, then a cosine."""
    first = warmup(steps, config=config)
    if step < first:
        return config.learning_rate * (step + 1) / first
    progress = (step - first) / max(1, steps - first)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
