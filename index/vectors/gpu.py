"""Shards on the GPUs that FAISS sees: the same lists and codes, searched without a filter.

FAISS's classic GPU indexes accept a selector and ignore it, so a search that needs one runs on the CPU shards: with a
filter, or with many deleted rows near the query. A GPU's resources serve one search at a time.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol, cast

import faiss

from models.arrays import Embeddings, Rows, Scores

MOST = 2048  # of k and of nprobe, on a GPU
SCRATCH_BYTES = 256 * 2**20  # of a GPU for searches; FAISS takes 1.5 GiB, which the model's batches need
_log = logging.getLogger(__name__)


class SearchedIndex(Protocol):
    """The part of a FAISS index that a copy needs."""

    def search(self, x: Embeddings, k: int, *, params: faiss.SearchParametersIVF) -> tuple[Scores, Rows]: ...


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One GPU: its copies of shards, and the lock of its resources."""

    resources: object  # faiss.StandardGpuResources, of faiss-gpu only; the copies hold no reference to them
    copies: list[SearchedIndex] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def search(self, queries: Embeddings, k: int, nprobe: int) -> list[tuple[Scores, Rows]]:
        """Scores and rows (B, k) of each copy, best first; row −1 if the probed lists hold fewer."""
        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = nprobe
        with self.lock:
            return [copy.search(queries, k, params=parameters) for copy in self.copies]


class GpuCopies:
    """Copies of all shards, on all devices at once; if a search fails there, all later ones run on the CPU."""

    def __init__(self, devices: Sequence[GpuDevice]) -> None:
        self._devices = [device for device in devices if device.copies]
        self._lost = False
        self._pool = ThreadPoolExecutor(len(self._devices), "likebut-gpu") if len(self._devices) > 1 else None

    def __bool__(self) -> bool:
        """True if there are copies that work."""
        return bool(self._devices) and not self._lost

    def search(self, queries: Embeddings, k: int, nprobe: int) -> list[tuple[Scores, Rows]] | None:
        """Scores and rows (B, k) of each shard; None if a GPU fails, as one that is out of memory."""

        def run(device: GpuDevice) -> list[tuple[Scores, Rows]]:
            return device.search(queries, k, nprobe)

        try:
            parts = list(map(run, self._devices) if self._pool is None else self._pool.map(run, self._devices))
        except (RuntimeError, MemoryError) as error:
            if not self._lost:
                _log.warning("a search on a GPU failed (%s): searches run on the CPU from now on", error)
            self._lost = True
            return None
        return [result for part in parts for result in part]


def copies(shards: Sequence[faiss.IndexIVF], *, gpus: bool) -> GpuCopies:
    """Copy the shards to the GPUs in turn.

    There are no copies without a GPU, without `gpus`, of an encoding that has no GPU index, or if a GPU has too little
    memory, which the log says.
    """
    if not gpus or not faiss.get_num_gpus() or isinstance(shards[0], faiss.IndexIVFRaBitQ):
        return GpuCopies([])
    try:
        return GpuCopies(_devices(shards))
    except (RuntimeError, MemoryError) as error:  # what FAISS raises if the memory does not suffice
        _log.warning("the shards do not fit the GPUs (%s): searches run on the CPU", error)
        return GpuCopies([])


def _devices(shards: Sequence[faiss.IndexIVF]) -> list[GpuDevice]:
    devices = []
    for _ in range(min(len(shards), faiss.get_num_gpus())):
        resources = faiss.StandardGpuResources()
        resources.setTempMemory(SCRATCH_BYTES)
        devices.append(GpuDevice(resources))
    for number, shard in enumerate(shards):
        gpu = number % len(devices)
        copy = faiss.index_cpu_to_gpu(cast("faiss.StandardGpuResources", devices[gpu].resources), gpu, shard)
        devices[gpu].copies.append(copy)
    return devices
