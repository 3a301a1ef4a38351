"""Exponential moving average of a module's weights."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


class Average(nn.Module):
    """Average of another module's parameters that learn, as buffers: saved with a run, and without gradient."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                self.register_buffer(_buffer(name), parameter.detach().clone())

    def values(self) -> dict[str, Tensor]:
        """Return the averages by the names of their parameters, as `torch.func.functional_call` takes them."""
        return {name.replace("/", "."): value for name, value in self.named_buffers()}

    def settled(self, module: Module) -> Module:
        """Return a copy of the module with the averages as its parameters."""
        copied = copy.deepcopy(module)
        copied.load_state_dict(self.values(), strict=False)
        return copied

    @torch.no_grad()
    def follow(self, module: nn.Module, *, momentum: float) -> None:
        """Update θ̄ ← m θ̄ + (1 − m) θ for every parameter of the average."""
        parameters = dict(module.named_parameters())
        for name, average in self.values().items():
            average.lerp_(parameters[name], 1.0 - momentum)


def _buffer(name: str) -> str:
    """Return a parameter's name without dots, which a buffer's name may not contain."""
    return name.replace(".", "/")
