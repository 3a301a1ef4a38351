"""One training step of each stage of a two-stage config, on random weights and random pictures: time and memory.

Nothing is downloaded or read. With --export the net is then exported, which proves it against torch, and asked as a
service would ask it. Prints Markdown tables.
"""

import argparse
import logging
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from models.encoder import Encoder
from models.nets.two_stage import TwoStage
from models.tokenizer import PLAIN, Template, Tokenizer
from training import config, export, loop, origin, two_stage
from training.evaluation.metrics import Rows
from training.optim import adamw
from training.ranks import World
from training.settings.sections import LoopConfig, OptimConfig
from training.settings.two_stage import TwoStageConfig
from training.stages.composing import Composing
from training.stages.mapping import Mapping
from training.stages.triplets import Questions

CHANGE = "is dark red instead of blue and has long sleeves with a pattern of small white dots"
CAPTION = "a woman in a long summer dress stands at the edge of a field of flowers"
QUERIES = 5
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Noise:
    """Random pictures with words of different lengths, captioned or as triplets, as the stages read them."""

    rows: int
    size: int  # S
    tokenizer: Tokenizer
    template: Template

    def __len__(self) -> int:
        return self.rows

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        return [np.arange(batch)]

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice = slice(None)) -> Iterator[dict[str, Tensor]]:
        for order in orders:
            yield {name: tensor[order[share]] for name, tensor in self._batch.items()}

    @cached_property
    def _batch(self) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape = (self.rows, 3, self.size, self.size)
        words = CHANGE.split()
        texts = [" ".join(words[: 4 + row % (len(words) - 3)]) for row in range(self.rows)]
        return {
            "reference": torch.randint(256, shape, dtype=torch.uint8, generator=generator),
            "target": torch.randint(256, shape, dtype=torch.uint8, generator=generator),
            "text": torch.from_numpy(self.tokenizer.encode(texts, template=self.template).ids),
            "caption": torch.from_numpy(self.tokenizer.encode([CAPTION] * self.rows, template=PLAIN).ids),
        }

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        raise AssertionError("a step does not validate")

    @property
    def questions(self) -> Questions:
        raise AssertionError("a step does not validate")

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        raise AssertionError("a step does not validate")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="a two-stage config, as training/configs/two-stage-vit-l-14.toml")
    parser.add_argument("--batch", type=int, required=True, help="rows of a step")
    parser.add_argument("--microbatch", type=int, default=0, help="rows of a forward pass, 0 for all at once")
    parser.add_argument("--steps", type=int, default=3, help="steps that count, after one that does not")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="instead of the config's")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--export", type=Path, metavar="OUT", help="a bundle's folder, new")
    arguments = parser.parse_args(argv)

    settings = config.read(arguments.config)
    if not isinstance(settings, TwoStageConfig):
        raise SystemExit(f"{arguments.config} is no two-stage config")
    random = settings.backbone.model_copy(update={"pretrained": ""})
    settings = settings.model_copy(update={"backbone": random})
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    world = World.alone(torch.device(arguments.device))
    with TemporaryDirectory() as scratch:
        tokenizer = origin.write_tokenizer(settings.backbone, Path(scratch) / origin.TOKENIZER)
        net = two_stage.untrained(settings, Path(scratch))
    net.to(world.device)
    print(f"{_machine(world.device)}; torch {torch.__version__}, {settings.backbone.name},")
    print(f"{sum(p.numel() for p in net.backbone.parameters()) / 1e6:.1f} M frozen parameters.\n")
    print("| stage | trained | precision | rows | at once | s / step | CPU s / step | peak memory |")
    print("|---" * 8 + "|")
    sentence, slot = two_stage.pseudo_sentence(settings, tokenizer)
    template = Template.parse(settings.template)
    data = Noise(arguments.batch, net.backbone.image_size, tokenizer, template)
    steps = {"batch": arguments.batch, "microbatch": arguments.microbatch}
    if arguments.precision:
        steps["precision"] = arguments.precision

    part = settings.mapping
    part = part.model_copy(update={"loop": part.loop.model_copy(update=steps)})
    mapping = Mapping(part, seed=settings.seed, net=net, sentence=sentence, slot=slot, data=data, world=world)
    _measure("mapping", mapping, optim=part.optim, settings=part.loop, steps=arguments.steps, world=world)
    last = settings.composing
    last = last.model_copy(update={"loop": last.loop.model_copy(update=steps)})
    composing = Composing(last, net=net, sentence=sentence, slot=slot, data=data, world=world)
    _measure("composing", composing, optim=last.optim, settings=last.loop, steps=arguments.steps, world=world)
    if arguments.export is not None:
        _export(settings, net.cpu(), slot=slot, out=arguments.export)
    return 0


def _measure(
    name: str, stage: Mapping | Composing, *, optim: OptimConfig, settings: LoopConfig, steps: int, world: World
) -> None:
    """Takes real steps, as `loop.fit` does, and prints their row."""
    optimizer = adamw(stage.net.named_parameters(), optim)
    trained = sum(parameter.numel() for parameter in stage.net.parameters() if parameter.requires_grad)
    batch = next(iter(stage.batches(0, start=0)))
    at_once = settings.microbatch or settings.batch
    parts = [slice(start, start + at_once) for start in range(0, settings.batch, at_once)]
    if world.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(world.device)
    loop.enter_training(stage.net)
    took, worked = [], []
    for step in range(steps + 1):
        began, busy = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        loss = loop.gradients(stage, batch, parts=parts, precision=settings.precision, key=str(step), world=world)
        norm = torch.nn.utils.clip_grad_norm_(stage.net.parameters(), optim.clip_norm)
        optimizer.step()
        if not (loss + norm).isfinite():  # waits for the device too
            raise SystemExit(f"the loss of {name} is {loss.item()}, its gradient {norm.item()}")
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
    cells = (
        name,
        f"{trained / 1e6:.2f} M",
        settings.precision,
        settings.batch,
        at_once,
        f"{median(took[1:]):.2f}",
        f"{median(worked[1:]):.2f}",
        _memory(world.device),
    )
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def _export(settings: TwoStageConfig, net: TwoStage, *, slot: int, out: Path) -> None:
    """Exports the net, which fails where the graphs differ from torch, opens the bundle and asks it; prints both."""
    began, busy = time.perf_counter(), time.process_time()
    with TemporaryDirectory() as scratch:
        tokenizer_file = Path(scratch) / origin.TOKENIZER
        context_length = origin.write_tokenizer(settings.backbone, tokenizer_file).context_length
        manifest = export.export(
            export.composed(net, slot=slot),
            export.Method("two-stage", settings.backbone.name, template=settings.template, text_weight=0.0),
            image_size=net.backbone.image_size,
            tokenizer_file=tokenizer_file,
            context_length=context_length,
            config="# random weights\n",
            out=out,
        )
    size = sum(path.stat().st_size for path in out.iterdir())
    took_s, busy_s = time.perf_counter() - began, time.process_time() - busy
    print(f"\nExported and proven in {took_s:.0f} s ({busy_s:.0f} s of CPU time):")
    print(f"{size / 2**30:.2f} GiB, {manifest.model_id}, space {manifest.space_id}; peak memory {_memory(CPU)}.\n")
    encoder = Encoder.open(out, reference_cache_bytes=2**30)
    pictures = np.random.Generator(np.random.PCG64(0)).integers(
        256, size=(QUERIES + 1, 1, 3, manifest.image_size, manifest.image_size), dtype=np.uint8
    )
    print(f"| one query ({QUERIES} each) | ms | CPU ms |")
    print("|---" * 3 + "|")
    for name in ("new picture", "same picture, next words"):  # the second time each picture's features are kept
        took, worked = [], []
        for pixels in pictures:
            began, busy = time.perf_counter(), time.process_time()
            encoder.queries(pixels, [CHANGE], text_weight=0.0)
            took.append((time.perf_counter() - began) * 1000)
            worked.append((time.process_time() - busy) * 1000)
        print(f"| {name} | {median(took[1:]):.0f} | {median(worked[1:]):.0f} |")
    use = encoder.reference_cache
    if use is not None:
        print(f"\n{use.bytes / len(pictures) / 2**10:.0f} KiB are kept of a picture; peak memory {_memory(CPU)}.")


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of {platform.machine()}"


def _memory(device: torch.device) -> str:
    """The most that torch held on the GPU since the last reset, or the whole process on the CPU so far."""
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
