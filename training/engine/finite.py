"""Watches for a loss that is not finite without waiting for the device after every step."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from models.errors import ConfigError


@dataclass(slots=True)
class FiniteWatch:
    """The first step whose loss or gradient was not finite, kept on the device until it is checked."""

    device: torch.device
    first: Tensor = field(init=False)  # (3,): step, loss and norm; −1 for none

    def __post_init__(self) -> None:
        self.first = torch.full((3,), -1.0, dtype=torch.float64, device=self.device)

    def note(self, step: int, loss: Tensor, norm: Tensor) -> None:
        """Remember a step if it is the first that is not finite; nothing is read from the device."""
        is_new = ~torch.isfinite(loss + norm) & (self.first[0] < 0)
        found = torch.stack([torch.full_like(self.first[0], step), loss.double(), norm.double()])
        self.first = torch.where(is_new, found, self.first)

    def check(self, folder: Path) -> None:
        """Raise ConfigError if a step was not finite; this waits for the device, so only before weights are kept."""
        step, loss, norm = self.first.tolist()
        if step >= 0:
            raise ConfigError(
                f"at step {step:.0f} the loss is {loss} and its gradient {norm}: lower optim.learning_rate or look at"
                f" the data; the checkpoint in {folder} is from before"
            )
