"""Shards on the GPUs that FAISS sees: the same lists and codes, searched without a filter.

FAISS's classic GPU indexes take a selector and never look at it, so whatever a filter or a deletion restricts stays
with the shards on the CPU. A GPU's resources serve one search at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import faiss

from models.arrays import Embeddings, Rows, Scores

MOST = 2048  # of k and of nprobe, on a GPU


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One GPU, with the shards that lie on it."""

    resources: "faiss.StandardGpuResources"  # of faiss-gpu only
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class GpuCopy:
    """A shard on a GPU."""

    index: faiss.Index
    device: GpuDevice

    def search(self, queries: Embeddings, k: int, nprobe: int) -> tuple[Scores, Rows]:
        """Scores and rows (B, k), best first; row −1 where the probed lists hold fewer."""
        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = nprobe
        with self.device.lock:
            found: tuple[Scores, Rows] = self.index.search(queries, k, params=parameters)
        return found


def copies(shards: Sequence[faiss.IndexIVF]) -> list[GpuCopy]:
    """Each shard on one of the GPUs in turn; none where there is no GPU, or no GPU index of the shards' form."""
    if not faiss.get_num_gpus() or isinstance(shards[0], faiss.IndexIVFRaBitQ):
        return []
    devices = [GpuDevice(faiss.StandardGpuResources()) for _ in range(faiss.get_num_gpus())]
    made = []
    for number, shard in enumerate(shards):
        place = number % len(devices)
        made.append(GpuCopy(faiss.index_cpu_to_gpu(devices[place].resources, place, shard), devices[place]))
    return made
