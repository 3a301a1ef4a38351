"""A run's state on disk: enough to go on to the identical loss after a kill."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.errors import ConfigError

FILE = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    step: int  # steps done
    steps: int  # of so many


def save(folder: Path, net: nn.Module, optimizer: Optimizer, progress: Progress) -> None:
    """Replaces the run's checkpoint, whole or not at all."""
    state = {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": progress.step,
        "steps": progress.steps,
    }
    temporary = folder / f".{FILE}"
    torch.save(state, temporary)
    temporary.replace(folder / FILE)


def restore(folder: Path, net: nn.Module, optimizer: Optimizer) -> int:
    """Loads the run's checkpoint into net and optimizer and gives the steps done; 0 where there is none."""
    if not (folder / FILE).is_file():
        return 0
    state = torch.load(folder / FILE, map_location="cpu", weights_only=True)
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def weights(folder: Path) -> dict[str, Tensor]:
    """The net's parameters at the end of a run; raises ConfigError where there is none or it has not ended."""
    if not (folder / FILE).is_file():
        raise ConfigError(f"no {FILE} in {folder}: train first")
    state = torch.load(folder / FILE, map_location="cpu", weights_only=True)
    if state["step"] < state["steps"]:
        raise ConfigError(
            f"the run in {folder} has done {state['step']} of {state['steps']} steps: train it to its end"
        )
    net: dict[str, Tensor] = state["net"]
    return net
