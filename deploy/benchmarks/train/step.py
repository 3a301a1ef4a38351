"""One training step of each stage of a two-stage or InstructCIR config, on random weights and pictures: time, memory.

Nothing is downloaded or read. With --export the net is then exported, which proves it against torch, and asked as a
service would ask it. Prints Markdown tables.
"""

import argparse
import logging
import platform
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Generic, NamedTuple, Protocol

import numpy as np
import torch
from torch import nn

from models.encoder import Encoder
from models.nets.backbone import Backbone
from models.nets.two_stage import TwoStage
from models.tokenizer import Template, Tokenizer
from noise import CHANGE, Noise, NoiseCaptions
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import Graphs
from training.data.batch import CaptionedBatch, TripletBatch
from training.engine import backbones, loop
from training.engine.distributed import World
from training.engine.loop import BatchOf
from training.engine.optim import adamw
from training.engine.settings import LoopConfig, OptimConfig
from training.methods import config
from training.methods.instruct import instruct
from training.methods.instruct.instruct import InstructConfig
from training.methods.instruct.reformulating import Combining, Pair, Reformulating
from training.methods.stages import pseudo_sentence
from training.methods.two_stage import two_stage
from training.methods.two_stage.composing import ComposingStage
from training.methods.two_stage.mapping import MappingStage
from training.methods.two_stage.two_stage import TwoStageConfig

QUERIES = 5
EMPTY: Mapping[str, object] = {}
CPU = torch.device("cpu")


class Part(NamedTuple, Generic[BatchOf]):
    """A stage, as `loop.fit` takes it."""

    name: str
    stage: loop.Stage[BatchOf]
    optim: OptimConfig
    loop: LoopConfig

    def measure(self, *, steps: int, world: World) -> dict[str, object]:
        """Take real steps and return the row of a table."""
        return _measured(self, steps=steps, world=world)


AnyPart = Part[CaptionedBatch] | Part[TripletBatch]


class BenchmarkedMethod(Protocol):
    """A net and what trains and exports it."""

    @property
    def net(self) -> nn.Module: ...

    @property
    def backbone(self) -> Backbone: ...

    def parts(self, data: Noise, world: World) -> Iterator[AnyPart]:
        """Each stage once the one before is over: it freezes what it does not train."""

    def graphs(self) -> tuple[Graphs, float]:
        """The exported graphs, and the text's share in a query."""


class TwoStageMethod:
    def __init__(self, settings: TwoStageConfig, tokenizer: Tokenizer, scratch: Path) -> None:
        self._settings = settings
        template = pseudo_sentence.mapping_template(settings.template)
        self._sentence, self._slot = pseudo_sentence.pseudo_sentence(template, tokenizer)
        self.net: TwoStage = settings.untrained(scratch)
        self.backbone = self.net.backbone

    def parts(self, data: Noise, world: World) -> Iterator[AnyPart]:
        first, last = self._settings.mapping, self._settings.composing
        net, sentence, slot = self.net, self._sentence, self._slot
        mapping = MappingStage(
            first,
            seed=self._settings.seed,
            net=net,
            sentence=sentence,
            slot=slot,
            data=NoiseCaptions(data),
            world=world,
        )
        yield Part(two_stage.MAPPING, mapping, first.optim, first.loop)
        composing = ComposingStage(last, net=net, sentence=sentence, slot=slot, data=data, world=world)
        yield Part(two_stage.COMPOSING, composing, last.optim, last.loop)

    def graphs(self) -> tuple[Graphs, float]:
        return two_stage.graphs(self.net, slot=self._slot), 0.0


class InstructMethod:
    def __init__(self, settings: InstructConfig, scratch: Path) -> None:
        self._settings = settings
        self.net: Pair = settings.untrained(scratch)
        self.backbone = self.net.online.backbone

    def parts(self, data: Noise, world: World) -> Iterator[AnyPart]:
        first, last = self._settings.reformulating, self._settings.combining
        pair, loss = self.net, first.loss
        reformulating = Reformulating(
            pair=pair, data=data, loss=loss, momentum=first.momentum, loop=first.loop, world=world
        )
        yield Part(instruct.REFORMULATING, reformulating, first.optim, first.loop)
        combining = Combining(pair=pair, data=data, loss=loss, steps=0, loop=last.loop, world=world)
        yield Part(instruct.COMBINING, combining, last.optim, last.loop)

    def graphs(self) -> tuple[Graphs, float]:
        text_weight = 1.0 - float(self.net.online.combiner.weight.detach())
        return instruct.graphs(self.net), text_weight


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, help="of either method, as training/configs/two-stage-vit-l-14.toml")
    parser.add_argument("--batch", type=int, required=True, help="rows of a step")
    parser.add_argument("--microbatch", type=int, default=0, help="rows of a forward pass, 0 for all at once")
    parser.add_argument("--steps", type=int, default=3, help="steps that count, after one that does not; 0: none")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="instead of the config's")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--export", type=Path, metavar="OUT", help="a bundle's folder, new")
    arguments = parser.parse_args(argv)

    steps = {"batch": arguments.batch, "microbatch": arguments.microbatch}
    if arguments.precision:
        steps["precision"] = arguments.precision
    settings = without_weights(arguments.config, steps)
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns that random weights are random
    world = World.alone(torch.device(arguments.device))
    method, data = prepared(settings, arguments.batch, world.device)
    print(f"{_machine(world.device)}; torch {torch.__version__}, {settings.backbone.name},")
    print(f"{_count(method.backbone.parameters())} parameters of CLIP.\n")
    print("| stage | trained | precision | rows | at once | s / step | CPU s / step | peak memory |")
    print("|---" * 8 + "|")
    for part in method.parts(data, world) if arguments.steps else ():
        print(f"| {' | '.join(map(str, part.measure(steps=arguments.steps, world=world).values()))} |", flush=True)
    if arguments.export is not None:
        method.net.cpu().zero_grad(set_to_none=True)  # the export takes as much memory as there is
        _export(settings, method, out=arguments.export)
    return 0


def prepared(
    settings: TwoStageConfig | InstructConfig, rows: int, device: torch.device
) -> tuple[BenchmarkedMethod, Noise]:
    """The method with random weights on a device, and random data of so many rows."""
    method: BenchmarkedMethod
    with TemporaryDirectory() as scratch:
        tokenizer = backbones.write_tokenizer(settings.backbone, Path(scratch) / backbones.TOKENIZER)
        if isinstance(settings, TwoStageConfig):
            method = TwoStageMethod(settings, tokenizer, Path(scratch))
        else:
            method = InstructMethod(settings, Path(scratch))
    method.net.to(device)
    return method, Noise(rows, method.backbone.image_size, tokenizer, Template.parse(settings.template))


def without_weights(
    path: Path, steps: Mapping[str, object], backbone: Mapping[str, object] = EMPTY
) -> TwoStageConfig | InstructConfig:
    """A file's config with random weights, with `steps` in the loop of each stage and `backbone` in its backbone."""
    settings = config.read(path)
    if not isinstance(settings, TwoStageConfig | InstructConfig):
        raise SystemExit(f"{path} is neither a two-stage nor an InstructCIR config")
    stages = {
        name: part.model_copy(update={"loop": part.loop.model_copy(update=steps)})
        for name, part in settings
        if name in settings.stages
    }
    random = settings.backbone.model_copy(update={"pretrained": "", **backbone})
    return settings.model_copy(update={"backbone": random, **stages})


def _measured(part: Part[BatchOf], *, steps: int, world: World) -> dict[str, object]:
    """Take real steps, as `loop.fit` does, and return their row."""
    name, stage, optim, settings = part
    stage.net.zero_grad(set_to_none=True)
    optimizer = adamw(stage.net.named_parameters(), optim)
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
        stage.stepped((step + 1) / (steps + 1))
        if not (loss + norm).isfinite():  # waits for the device too
            raise SystemExit(f"the loss of {name} is {loss.item()}, its gradient {norm.item()}")
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
    return {
        "stage": name,
        "trained": _count(parameter for parameter in stage.net.parameters() if parameter.requires_grad),
        "precision": settings.precision,
        "rows": settings.batch,
        "at once": at_once,
        "s / step": f"{median(took[1:]):.2f}",
        "CPU s / step": f"{median(worked[1:]):.2f}",
        "peak memory": _memory(world.device),
    }


def _export(settings: TwoStageConfig | InstructConfig, method: BenchmarkedMethod, *, out: Path) -> None:
    """Exports the net, which fails where the graphs differ from torch, opens the bundle and asks it; prints both."""
    began, busy = time.perf_counter(), time.process_time()
    with TemporaryDirectory() as scratch:
        tokenizer_file = Path(scratch) / backbones.TOKENIZER
        backbones.write_tokenizer(settings.backbone, tokenizer_file)
        graphs, text_weight = method.graphs()
        model = FinishedModel(
            method=settings.method,
            backbone=settings.backbone.name,
            template=settings.template,
            text_weight=text_weight,
            graphs=graphs,
            tokenizer_file=tokenizer_file,
        )
        manifest = model.export(out, config="# random weights\n")
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
    names = ["new picture"]
    if encoder.reference_cache is not None:
        names.append("same picture, next words")  # the second time each picture's features are kept
    for name in names:
        took, worked = [], []
        for pixels in pictures:
            began, busy = time.perf_counter(), time.process_time()
            encoder.queries(pixels, [CHANGE], text_weight=manifest.text_weight)
            took.append((time.perf_counter() - began) * 1000)
            worked.append((time.process_time() - busy) * 1000)
        print(f"| {name} | {median(took[1:]):.0f} | {median(worked[1:]):.0f} |")
    use = encoder.reference_cache
    kept = "Nothing is" if use is None else f"{use.bytes / len(pictures) / 2**10:.0f} KiB are"
    print(f"\n{kept} kept of a picture; peak memory {_memory(CPU)}.")


def _count(parameters: Iterable[nn.Parameter]) -> str:
    """How many numbers they hold, in millions where there are many."""
    numbers = sum(parameter.numel() for parameter in parameters)
    return f"{numbers / 1e6:.2f} M" if numbers >= 10_000 else str(numbers)


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
