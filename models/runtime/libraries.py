"""Loads the libraries of CUDA and TensorRT from the wheels beside ONNX Runtime, which the linker does not find."""

import contextlib
import ctypes
import io
import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import onnxruntime

from models.runtime.cuda_driver import DRIVER
from models.runtime.device import Provider

# What ONNX Runtime's wheel links, by the sonames of its own build; a newer major version of TensorRT has others.
TENSORRT = ("libnvinfer.so.10", "libnvonnxparser.so.10")
_TENSORRT_MODULE = "tensorrt_libs"
_log = logging.getLogger(__name__)


@cache
def load(provider: Provider) -> None:
    """Load what a provider needs, once; says in the log what is missing, since the provider's own error does not."""
    if provider == "cpu":
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):  # it prints what it does not find
        onnxruntime.preload_dlls(directory="")  # "": not torch's, which may be of another version
    for line in printed.getvalue().splitlines():
        _log.warning("%s", line)
    if provider == "tensorrt":
        for name in TENSORRT:
            try:
                ctypes.CDLL(str(_tensorrt(name)), mode=ctypes.RTLD_GLOBAL)
            except OSError as error:
                _log.warning("%s cannot be loaded: %s", name, error)


def missing(provider: Provider) -> list[str]:
    """Return the libraries of a provider that cannot be loaded here, each with the linker's reason."""
    names: dict[Provider, tuple[str, ...]] = {"cpu": (), "cuda": (DRIVER,), "tensorrt": (DRIVER, *TENSORRT)}
    reasons = []
    for name in names[provider]:
        try:
            ctypes.CDLL(str(_tensorrt(name)) if name in TENSORRT else name)
        except OSError as error:
            reasons.append(f"{name} ({error})")
    return reasons


def versions() -> dict[str, str]:
    """Return the versions that decide whether an engine of TensorRT can be used again."""
    found = {"onnxruntime": onnxruntime.__version__, "cuda": onnxruntime.cuda_version or ""}
    with contextlib.suppress(OSError, AttributeError):
        found["tensorrt"] = str(ctypes.CDLL(str(_tensorrt(TENSORRT[0]))).getInferLibVersion())
    return found


def _tensorrt(name: str) -> Path:
    """Return the path of a library in TensorRT's wheel; its name alone, for the linker, if there is no such wheel."""
    spec = find_spec(_TENSORRT_MODULE)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / name
        if path.is_file():
            return path
    return Path(name)
