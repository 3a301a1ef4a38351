"""ONNX Runtime: one exported graph on the CPU, on CUDA or on TensorRT."""

import platform
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import BundleBroken, ConfigError

Provider: TypeAlias = Literal["cpu", "cuda", "tensorrt"]

# ONNX Runtime's names, each with those that take over the operators it lacks.
_NAMES: Mapping[Provider, tuple[str, ...]] = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
}


class OnnxSession:
    """A graph ready to run; `run` may be called from many threads at once."""

    def __init__(self, path: Path, *, threads: int, provider: Provider) -> None:
        """Raises BundleBroken if the graph does not load, ConfigError if this machine lacks the provider.

        `threads` 0 means one per core.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # it would keep one plan for every batch size seen
        # idle threads leave the core to others
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if provider == "cpu":
            if _may_overflow():  # ONNX Runtime then takes products that cannot, at half the speed
                options.add_session_config_entry("session.x64quantprecision", "1")
            _share_memory()
            options.add_session_config_entry("session.use_env_allocators", "1")
        options.log_severity_level = 3
        self._path = path
        wanted = _NAMES[provider]
        if wanted[0] not in onnxruntime.get_available_providers():
            raise ConfigError(f"this ONNX Runtime cannot run on {provider}: install the gpu extra in place of cpu")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=list(wanted))
        except Exception as error:  # the library's own classes share no other base
            raise BundleBroken(f"{path} does not load in ONNX Runtime: {error}") from error
        if self._session.get_providers()[0] != wanted[0]:  # it falls back with no more than a warning
            raise ConfigError(f"ONNX Runtime could not start {provider} on this machine: check its driver, or use cpu")
        self._shapes = {value.name: value.shape for value in self._session.get_inputs()}
        self.inputs = tuple(self._shapes)
        self.outputs = tuple(value.name for value in self._session.get_outputs())

    def is_free(self, name: str, axis: int) -> bool:
        """True if the graph takes any size of an input along that axis."""
        return not isinstance(self._shapes[name][axis], int)

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Every output of the graph by its name; raises BundleBroken if the graph fails on the inputs."""
        try:
            return dict(zip(self.outputs, self._session.run(None, dict(inputs)), strict=True))
        except Exception as error:  # as above
            raise BundleBroken(f"{self._path} failed in ONNX Runtime: {error}") from error


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
