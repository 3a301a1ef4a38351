"""NVIDIA's driver: which GPU there is, read without a toolkit."""

import ctypes
from dataclasses import dataclass

from models.errors import ConfigError

_NAME_BYTES = 128
_MAJOR, _MINOR = 75, 76  # of CUdevice_attribute: COMPUTE_CAPABILITY_MAJOR and _MINOR
DRIVER = "libcuda.so.1"


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU that CUDA shows."""

    name: str
    capability: str  # as "9.0"
    cuda: str  # the newest CUDA that the driver runs, as "13.0"


def first_gpu() -> Gpu:
    """Return the GPU that models run on; raises ConfigError if the driver is missing or shows none."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError as error:
        raise ConfigError(f"no NVIDIA driver here ({error}): install it, or run on the CPU") from error
    device, version, number = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(_NAME_BYTES)

    def call(function: str, *arguments: object) -> None:
        status = getattr(driver, function)(*arguments)
        if status != 0:
            raise ConfigError(f"the NVIDIA driver shows no GPU ({function} returned {status}): look at nvidia-smi")

    def attribute(which: int) -> int:
        call("cuDeviceGetAttribute", ctypes.byref(number), which, device)
        return number.value

    call("cuInit", 0)
    call("cuDriverGetVersion", ctypes.byref(version))
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDeviceGetName", name, _NAME_BYTES, device)
    capability = f"{attribute(_MAJOR)}.{attribute(_MINOR)}"
    return Gpu(name.value.decode(errors="replace"), capability, cuda_version(version.value))


def cuda_version(number: int) -> str:
    """Return a version as the driver gives it, 13010, as "13.1"."""
    return f"{number // 1000}.{number % 1000 // 10}"
