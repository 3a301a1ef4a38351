"""Folders of the engines that TensorRT compiles: one for each graph, GPU, version and precision.

ONNX Runtime names an engine by the graph's structure and the GPU's generation, so that a retrained model, another
version of TensorRT or another profile would find an engine that is not its own.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.bundle import CANDIDATES
from models.runtime.cuda_driver import Gpu
from models.runtime.device import LARGEST_BATCH, USUAL_BATCH, CompiledEngine, Device, profile

_DIGITS = 24  # of a digest, in a folder's name


def engine(
    device: Device,
    *,
    graph: str,
    digests: Sequence[str],
    shapes: Mapping[str, Sequence[int | str | None]],
    length: int,
    gpu: Gpu,
    versions: Mapping[str, str],
) -> CompiledEngine:
    """Return where the engine of a graph lies, and for which shapes it is compiled.

    `digests` are those of the graph's file and of its weights, `shapes` those of its inputs, `length` is that of the
    texts, `versions` are those of the libraries that compile it.
    """
    least, usual, largest = (
        profile(shapes, rows=rows, length=length, count=count)
        for rows, count in ((1, 1), (USUAL_BATCH, CANDIDATES), (LARGEST_BATCH, CANDIDATES))
    )
    machine = {"gpu": gpu.name, "capability": gpu.capability, **versions}
    facts = {**machine, "digests": list(digests), "products": device.precision, "profile": [least, usual, largest]}
    folder = device.engines / f"{graph}-{_key(facts)}"
    return CompiledEngine(folder, device.engines / f"timings-{_key(machine)}", least, usual, largest)


def _key(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def prepare(wanted: CompiledEngine) -> None:
    """Create the folders, with a file that says what the engine's is."""
    for folder in (wanted.folder, wanted.timings):
        folder.mkdir(parents=True, exist_ok=True)


def is_compiled(wanted: CompiledEngine) -> bool:
    """True if there is an engine; without one the session compiles it, which takes minutes."""
    return any(Path(wanted.folder).glob("*.engine"))
