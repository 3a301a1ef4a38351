"""Batch: named tensors that the loop moves to a device and cuts into parts, all of the same rows."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Base of every batch: the fields of a subclass are tensors with one row a sample, or None if the data has none."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device; a GPU copies it from pinned memory while the host goes on."""
        if device.type == "cuda":
            return self._mapped(lambda tensor: _pinned(tensor).to(device, non_blocking=True))
        return self._mapped(lambda tensor: tensor.to(device))

    def rows(self, part: slice) -> Self:
        """Return some of the rows."""
        return self._mapped(lambda tensor: tensor[part])

    def tensors(self) -> dict[str, Tensor]:
        """Return the fields that are not None, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Self:
        return replace(self, **{name: change(tensor) for name, tensor in self.tensors().items()})


def _pinned(tensor: Tensor) -> Tensor:
    """Return a tensor of the host in pinned memory, which alone is copied without waiting; others as they are."""
    return tensor.pin_memory() if tensor.device.type == "cpu" else tensor
