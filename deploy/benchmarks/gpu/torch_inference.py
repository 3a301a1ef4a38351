"""Image towers in torch by batch size, as a share of the bf16 rate that the GPU reached on large products."""

from collections.abc import Iterator, Sequence
from functools import partial

import open_clip
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gpu.ceilings import require_gpu, wait
from gpu.setting import CheckPart, CheckSetting, Row
from models.nets import open_clip_models

NAMES = ("ViT-B-32", "ViT-L-14")
TINY = "clip-small"
BATCHES = (1, 2, 4, 8, 16, 32, 64)


def towers(setting: CheckSetting) -> Iterator[Row]:
    """Yield the milliseconds of each batch of random images, in bf16, and how much of the GPU's rate they use."""
    require_gpu(setting)
    open_clip.add_model_config(open_clip_models.OWN_CONFIGS)
    names, batches = ((TINY,), BATCHES[:2]) if setting.dry else (NAMES, BATCHES)
    for name in names:
        yield from tower(name, batches, setting)


def tower(name: str, batches: Sequence[int], setting: CheckSetting) -> Iterator[Row]:
    """Yield the rows of one tower with random weights."""
    visual: nn.Module = open_clip.create_model(name, pretrained=None).visual
    side = int(visual.image_size[0])  # type: ignore[index]  # open_clip has no types
    visual = visual.to(setting.device, torch.bfloat16).eval()
    with torch.inference_mode():
        for batch in batches:
            pixels = torch.rand(batch, 3, side, side, device=setting.device, dtype=torch.bfloat16)
            work = operations(visual, pixels)
            taken = setting.seconds(partial(visual, pixels), wait)
            rate = work / taken
            ceiling = setting.rates.get("bf16 FLOP/s")
            share = "–" if ceiling is None else f"{rate / ceiling:.3f}"
            speed = {"ms": round(1000 * taken, 2), "images/s": round(batch / taken, 1)}
            yield {"tower": name, "batch": batch, **speed, "TFLOP/s": round(rate / 1e12, 2), "of bf16": share}


def operations(visual: nn.Module, pixels: Tensor) -> int:
    """Return the floating-point operations of a batch; the fused attention of inference would not be counted."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter:
            visual(pixels)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


PARTS = (CheckPart("torch inference", towers),)
