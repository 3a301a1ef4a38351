"""ONNX Runtime: one exported graph on the CPU, on CUDA or on TensorRT."""

import logging
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.bundle import CANDIDATES
from models.errors import BundleBroken, ConfigError
from models.runtime import cuda_driver, engine_cache, libraries
from models.runtime.device import CPU, LARGEST_BATCH, NAMES, CompiledEngine, Device, concrete

_log = logging.getLogger(__name__)
_DTYPES = {"tensor(uint8)": np.uint8, "tensor(int64)": np.int64, "tensor(float)": np.float32}
# Operators on shapes, whose inputs lie in the CPU's memory anyway: ONNX Runtime leaves them there on purpose.
_OF_SHAPES = frozenset({"Cast", "Concat", "Gather", "Range", "Shape", "Slice", "Squeeze", "Unsqueeze", "Reshape"})


@dataclass(frozen=True, slots=True)
class Placement:
    """Nodes of a graph by the provider that runs them, and what a GPU leaves to the CPU."""

    nodes: Mapping[str, int]  # by "cpu", "cuda" and "tensorrt"
    on_cpu: Mapping[str, int]  # by operator, of a graph on a GPU, without those that compute shapes

    @classmethod
    def of_assignment(cls, nodes: Iterable[tuple[str, str]], device: Device) -> "Placement":
        """Count pairs of a provider and an operator, as ONNX Runtime assigned them."""
        short = {name: provider for provider, names in NAMES.items() for name in names[:1]}
        pairs = [(short.get(provider, provider), operator) for provider, operator in nodes]
        left = Counter(operator for provider, operator in pairs if provider == "cpu" and operator not in _OF_SHAPES)
        return cls(Counter(provider for provider, _ in pairs), left if device.is_gpu else {})


class OnnxSession:
    """A graph ready to run; `run` may be called from many threads at once."""

    def __init__(
        self, path: Path, *, threads: int, device: Device = CPU, digests: Sequence[str] = (), length: int = 0
    ) -> None:
        """Raises BundleBroken if the graph does not load, ConfigError if this machine lacks the provider.

        `threads` 0 means one per core. TensorRT needs the `digests` of the graph and its weights, and the `length` of
        its texts.
        """
        self._path, self._device = path, device
        wanted = NAMES[device.provider][0]
        if wanted not in onnxruntime.get_available_providers():
            raise ConfigError(
                f"this ONNX Runtime cannot run on {device.provider}: install the gpu extra in place of cpu"
            )
        if device.is_gpu:
            cuda_driver.first_gpu()  # says what is missing, which the provider's own error does not
            libraries.load(device.provider)
        options = _session_options(threads, device)
        engine = None
        if device.provider == "tensorrt":
            engine = _engine(path, device, digests, length)
        try:
            # its own fallback would go on upon the CPU with no more than a line on stdout
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=device.providers(engine), enable_fallback=0
            )
        except Exception as error:  # the library's own classes share no other base
            if reasons := libraries.missing(device.provider):
                raise ConfigError(_not_started(device, reasons)) from error
            raise BundleBroken(f"{path} does not load in ONNX Runtime: {error}") from error
        if self._session.get_providers()[0] != wanted:  # it falls back with no more than a warning
            raise ConfigError(_not_started(device, libraries.missing(device.provider)))
        self._session.disable_fallback()  # or a failed run would go on upon the CPU
        self.shapes = {value.name: value.shape for value in self._session.get_inputs()}
        self._dtypes = {value.name: _DTYPES.get(value.type, np.float32) for value in self._session.get_inputs()}
        self.inputs = tuple(self.shapes)
        self.outputs = tuple(value.name for value in self._session.get_outputs())
        self.placement = Placement.of_assignment(
            (
                (part.ep_name, node.op_type)
                for part in self._session.get_provider_graph_assignment_info()
                for node in part.get_nodes()
            ),
            device,
        )
        self._report()

    def is_free(self, name: str, axis: int) -> bool:
        """True if the graph takes any size of an input along that axis."""
        return not isinstance(self.shapes[name][axis], int)

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Every output of the graph by its name; raises BundleBroken if the graph fails on the inputs.

        On TensorRT a batch of more than LARGEST_BATCH rows is several runs.
        """
        rows = len(next(iter(inputs.values())))
        if self._device.provider != "tensorrt" or rows <= LARGEST_BATCH:
            return self._run(inputs)
        parts = [
            self._run({name: value[start : start + LARGEST_BATCH] for name, value in inputs.items()})
            for start in range(0, rows, LARGEST_BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def warm_up(self, batches: Iterable[int], *, length: int) -> None:
        """Run batches of zeros of so many rows, texts of that length: the first run of a shape chooses its kernels."""
        for rows in batches:
            shapes = concrete(self.shapes, rows=rows, length=length, count=CANDIDATES)
            self.run({name: np.zeros(shape, self._dtypes[name]) for name, shape in shapes.items()})

    def _run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        try:
            return dict(zip(self.outputs, self._session.run(None, dict(inputs)), strict=True))
        except Exception as error:  # as above
            raise BundleBroken(f"{self._path} failed in ONNX Runtime: {error}") from error

    def _report(self) -> None:
        """Say in the log where a graph's nodes run, if that is not the CPU."""
        if not self._device.is_gpu:
            return
        places = ", ".join(f"{count} on {provider}" for provider, count in sorted(self.placement.nodes.items()))
        _log.info("%s: %s", self._path.name, places)
        if self.placement.on_cpu:
            left = ", ".join(f"{operator} {count}" for operator, count in sorted(self.placement.on_cpu.items()))
            _log.warning("%s: %s run on the CPU, each with copies from and to the GPU", self._path.name, left)


def _session_options(threads: int, device: Device) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it would keep one plan for every batch size seen
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # idle threads leave the core to others
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not device.is_gpu:
        if _may_overflow():  # ONNX Runtime then takes products that cannot, at half the speed
            options.add_session_config_entry("session.x64quantprecision", "1")
        _share_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
    return options


def _engine(path: Path, device: Device, digests: Sequence[str], length: int) -> CompiledEngine:
    """Return where TensorRT's engine of a graph lies; says in the log if it must be compiled."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # only its inputs are read
    inspected = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shapes = {value.name: value.shape for value in inspected.get_inputs()}
    engine = engine_cache.engine(
        device,
        graph=path.stem,
        digests=digests,
        shapes=shapes,
        length=length,
        gpu=cuda_driver.first_gpu(),
        versions=libraries.versions(),
    )
    engine_cache.prepare(engine)
    if not engine_cache.is_compiled(engine):
        _log.warning("TensorRT compiles %s into %s: this takes minutes, once", path.name, engine.folder)
    return engine


def _not_started(device: Device, reasons: Sequence[str]) -> str:
    because = f": {'; '.join(reasons)}" if reasons else ""
    return f"ONNX Runtime could not start {device.provider} on this machine{because}: check the log, or use cpu"


@cache
def _may_overflow() -> bool:
    """Return whether sums of products in 8 bits could overflow 16: on an x86 CPU that is not known to have VNNI."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        return re.search(r"\bavx(512)?_vnni\b", Path("/proc/cpuinfo").read_text()) is None
    except OSError:
        return True


@cache
def _share_memory() -> None:
    """Lets all sessions of this process take memory of one arena: each would keep what it needed at most by itself."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, None)
