"""Processes that train one net together, as torchrun starts them: rank, shares and collective operations."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from models.errors import ConfigError

_TIMEOUT = timedelta(hours=6)  # the others wait while the first draws images or validates


@dataclass(frozen=True, slots=True)
class World:
    """One rank of `size`, on its device. Only the first writes files; every method is called by all ranks alike."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    def alone(cls, device: torch.device) -> "World":
        """Return a world of this process only."""
        return cls(rank=0, size=1, device=device)

    @classmethod
    @contextmanager
    def join(cls, device: torch.device) -> Iterator["World"]:
        """Join the processes that torchrun started until the block ends; without torchrun, be alone.

        Each rank of a machine takes its own GPU. Raises ConfigError if torch sees no GPU, or fewer than ranks.
        """
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if device.type == "cuda" and torch.cuda.device_count() <= max(local, device.index or 0):
            seen = torch.cuda.device_count()
            raise ConfigError(
                f"the config needs {device}, but torch sees {seen} GPUs: set device to cpu, or start fewer ranks"
            )
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            yield cls.alone(device)
            return
        if device.type == "cuda":
            device = torch.device("cuda", local)
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
        yield cls(rank=distributed.get_rank(), size=distributed.get_world_size(), device=device)
        distributed.destroy_process_group()  # not after an error, when the others may never answer

    @property
    def is_first(self) -> bool:
        """True if this rank writes, logs and validates."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """Return this rank's rows of a global batch; raises ConfigError if the ranks' shares would differ."""
        if batch % self.size:
            raise ConfigError(f"a batch of {batch} does not divide among {self.size} ranks: change loop.batch")
        rows = batch // self.size
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def gather(self, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the rows of all ranks in their order, detached: (b, …) → (M, …)."""
        if self.size == 1:
            return {name: tensor.detach() for name, tensor in own.items()}
        gathered = {}
        for name, tensor in own.items():
            rows = tensor.detach().contiguous()
            gathered[name] = rows.new_empty((self.size * len(rows), *rows.shape[1:]))
            distributed.all_gather_into_tensor(gathered[name], rows)
        return gathered

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over the ranks, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, total in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient))

    def follow(self, tensors: Iterable[Tensor]) -> None:
        """Replace the tensors by those of the first rank, in place."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def barrier(self) -> None:
        """Wait until every rank has reached this line."""
        if self.size > 1:
            distributed.barrier()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Run the block on the first rank, then on the others, which find its files on disk."""
        if not self.is_first:
            self.barrier()
        yield
        if self.is_first:
            self.barrier()
