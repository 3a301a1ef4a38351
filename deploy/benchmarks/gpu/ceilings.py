"""Ceilings of the GPU: copies within its memory and from the host, and large products by precision."""

from collections.abc import Iterator
from functools import partial

import torch

from gpu.setting import CheckPart, CheckSetting, PartSkipped, Row

GIB = 2**30


def wait() -> None:
    """Return once the GPU has done all that was asked of it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def require_gpu(setting: CheckSetting) -> None:
    """Raise PartSkipped if the check needs a GPU that torch does not see."""
    if not setting.dry and not torch.cuda.is_available():
        raise PartSkipped("torch sees no GPU")


def copies(setting: CheckSetting) -> Iterator[Row]:
    """Yield GB/s of copies: within the device (read and written), and from the host's memory, pinned or not."""
    require_gpu(setting)
    size = setting.sized(GIB, 2**20)
    source = torch.zeros(size, dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)
    cases = [("within the device", source, 2)]
    plain = torch.zeros(size, dtype=torch.uint8)
    cases.append(("from the host", plain, 1))
    if not setting.dry:
        cases.append(("from the host, pinned", plain.pin_memory(), 1))
    for name, data, times in cases:
        taken = setting.seconds(partial(target.copy_, data, non_blocking=True), wait)
        yield {"copy": name, "MiB": size // 2**20, "GB/s": round(times * size / taken / 1e9, 1)}


def products(setting: CheckSetting) -> Iterator[Row]:
    """Yield FLOP/s of a square product by precision; that of bf16 is what later parts are compared with."""
    require_gpu(setting)
    side = setting.sized(8192, 64)
    kinds = [("bf16", torch.bfloat16, False), ("fp16", torch.float16, False)]
    kinds += [("TF32", torch.float32, True), ("fp32", torch.float32, False)]
    before = torch.backends.cuda.matmul.allow_tf32
    try:
        for name, dtype, tf32 in kinds:
            torch.backends.cuda.matmul.allow_tf32 = tf32
            left, right = (torch.randn(side, side, device=setting.device).to(dtype) for _ in range(2))
            taken = setting.seconds(partial(torch.matmul, left, right), wait)
            rate = 2 * side**3 / taken
            setting.rates[f"{name} FLOP/s"] = rate
            yield {"precision": name, "side": side, "ms": round(1000 * taken, 3), "TFLOP/s": round(rate / 1e12, 3)}
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


PARTS = (CheckPart("copies", copies), CheckPart("products of matrices", products))
