"""Shards on the GPUs that FAISS sees: the same lists and codes, searched without a filter.

FAISS's classic GPU indexes accept a selector and ignore it, so a search that needs one runs on the CPU shards: with a
filter, or with many deleted rows near the query. A GPU's resources serve one search at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import faiss

from models.arrays import Embeddings, Rows, Scores

MOST = 2048  # of k and of nprobe, on a GPU


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One GPU, and the lock of its resources."""

    resources: "faiss.StandardGpuResources"  # of faiss-gpu only
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class GpuCopy:
    """A shard on a GPU."""

    index: faiss.Index
    device: GpuDevice

    def search(self, queries: Embeddings, k: int, nprobe: int) -> tuple[Scores, Rows]:
        """Scores and rows (B, k), best first; row −1 if the probed lists hold fewer."""
        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = nprobe
        with self.device.lock:
            found: tuple[Scores, Rows] = self.index.search(queries, k, params=parameters)
        return found


def copies(shards: Sequence[faiss.IndexIVF]) -> list[GpuCopy]:
    """Copies the shards to the GPUs in turn; empty if there is no GPU, or no GPU index of this encoding."""
    if not faiss.get_num_gpus() or isinstance(shards[0], faiss.IndexIVFRaBitQ):
        return []
    devices = [GpuDevice(faiss.StandardGpuResources()) for _ in range(faiss.get_num_gpus())]
    copied = []
    for number, shard in enumerate(shards):
        gpu = number % len(devices)
        copied.append(GpuCopy(faiss.index_cpu_to_gpu(devices[gpu].resources, gpu, shard), devices[gpu]))
    return copied
