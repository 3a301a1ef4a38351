"""ONNX Runtime: one exported graph on the CPU, on CUDA or on TensorRT."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import BundleBroken

CPU: tuple[str, ...] = ("CPUExecutionProvider",)


class OnnxSession:
    """A graph ready to run; `run` may be called from many threads at once."""

    def __init__(self, path: Path, *, threads: int, providers: Sequence[str] = CPU) -> None:
        """Raises BundleBroken where the graph does not load. `threads` 0 means one a core."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # it would keep one plan for every batch size seen
        # idle threads leave the core to others
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.name = path.name
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:  # the library's own classes share no other base
            raise BundleBroken(f"{path} does not load in ONNX Runtime: {error}") from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Every output of the graph by its name."""
        return dict(zip(self._outputs, self._session.run(None, dict(inputs)), strict=True))
