"""An exponential moving average of a module's weights, the encoder that nothing is learnt by but that all is set by."""

import torch
from torch import Tensor, nn


class Average(nn.Module):
    """The average of another module's parameters, as buffers: saved with a run, and out of every gradient's reach."""

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        for name, parameter in of.named_parameters():
            self.register_buffer(_buffer(name), parameter.detach().clone())

    def values(self) -> dict[str, Tensor]:
        """The averages under their parameters' names, as `torch.func.functional_call` takes them."""
        return {name.replace("/", "."): value for name, value in self.named_buffers()}

    @torch.no_grad()
    def follow(self, of: nn.Module, *, momentum: float) -> None:
        """θ̄ ← m θ̄ + (1 − m) θ for every parameter."""
        for name, parameter in of.named_parameters():
            self.get_buffer(_buffer(name)).lerp_(parameter, 1.0 - momentum)


def _buffer(name: str) -> str:
    """A buffer's name may hold no dot."""
    return name.replace(".", "/")
