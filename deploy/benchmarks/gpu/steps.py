"""Training steps of both methods at ViT-L/14 and of the two-stage method at ViT-B/32, on random weights and images."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

import step
from gpu.ceilings import require_gpu
from gpu.setting import CheckPart, CheckSetting, Row
from training.engine.distributed import World

CONFIGS = Path("training/configs")
TINY = {"name": "conv-minilm", "pretrained": "models/bundles/two-stage"}  # it has a tokenizer of its own
# Configs with the rows of a step and of a forward pass, as many as a GPU of 80 GB holds.
CASES = (("two-stage-vit-b-32", 1024, 0), ("two-stage-vit-l-14", 256, 128), ("instruct-vit-l-14", 128, 32))


def steps(setting: CheckSetting) -> Iterator[Row]:
    """Yield seconds and memory of a step of each stage; the first step does not count."""
    require_gpu(setting)
    if setting.dry:
        for name, _, at_once in CASES[1:]:
            yield from stages(name, setting, rows=4, at_once=min(at_once, 2), backbone=TINY)
        return
    for name, rows, at_once in CASES:
        yield from stages(name, setting, rows=rows, at_once=at_once, backbone={})
        torch.cuda.empty_cache()


def stages(
    name: str, setting: CheckSetting, *, rows: int, at_once: int, backbone: Mapping[str, object]
) -> Iterator[Row]:
    """Yield a row for each stage of a config."""
    loop: dict[str, object] = {"batch": rows, "microbatch": at_once, "precision": "bfloat16"}
    settings = step.without_weights(CONFIGS / f"{name}.toml", loop, backbone)
    world = World.alone(torch.device(setting.device))
    method, data = step.prepared(settings, rows, world.device)
    for part in method.parts(data, world):
        yield {"config": name, **part.measure(steps=setting.sized(5, 1), world=world)}


PARTS = (CheckPart("training steps", steps, least_s=30.0),)
