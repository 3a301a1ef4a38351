"""InstructCIR, an image tower that reads the wanted change: its run, phase by phase, and its finished model."""

from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field

from models.errors import ConfigError
from models.nets import weighted_sum
from models.nets.reformulation import Reformulation
from models.nets.reformulation_graphs import ReformulationGalleryGraph, ReformulationQueryGraph
from models.tokenizer import Tokenizer
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import Graphs
from training.data.config import DrawnTriplets, TripletData
from training.data.datasets import TripletDataset
from training.data.sources import triplets
from training.data.sources.run_inputs import RunInputs
from training.engine import backbones, checkpoint
from training.engine.distributed import World
from training.engine.settings import LoopConfig
from training.methods.clip_run import ClipRunConfig
from training.methods.instruct.config import CombiningConfig, ReformulatingConfig
from training.methods.instruct.reformulating import Combining, Pair, Reformulating

REFORMULATING, COMBINING = "reformulating", "combining"


class InstructConfig(ClipRunConfig):
    """A run of InstructCIR."""

    stages: ClassVar[tuple[str, ...]] = (REFORMULATING, COMBINING)

    method: Literal["instruct"]
    template: str = Field(default="{text}", pattern=r"^[^*]*\{text\}[^*]*$")
    reformulating: ReformulatingConfig
    combining: CombiningConfig

    @property
    def device(self) -> str:
        """The device that both phases train on."""
        return self.reformulating.loop.device

    @property
    def triplets(self) -> tuple[TripletData, LoopConfig]:
        """The triplets that the first phase learns from, and how long."""
        return self.reformulating.data, self.reformulating.loop

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train the phases in the folders reformulating and combining of `out`; see `Method.train`."""
        first, second = self.reformulating, self.combining
        with world.first():
            self.write_tokenizer(out)
            pair = self.untrained(out).to(world.device)
            data = self.data(self.inputs(out, pair.online.backbone))
        reformulating = Reformulating(
            pair=pair, data=data, loss=first.loss, momentum=first.momentum, loop=first.loop, world=world
        )
        folder = out / REFORMULATING
        self.fit(reformulating, first, folder=folder, world=world)
        if until == REFORMULATING:
            return
        checkpoint.load(pair, checkpoint.best(folder))  # while the first phase's parameters still require gradients
        combining = Combining(pair=pair, data=data, loss=first.loss, steps=second.steps, loop=second.loop, world=world)
        self.fit(combining, second, folder=out / COMBINING, world=world)

    def data(self, inputs: RunInputs) -> TripletDataset:
        """Return the triplets of both phases as pixels; raises InputError if files are missing."""
        part = self.reformulating
        if isinstance(part.data, DrawnTriplets):
            return triplets.drawn_pixels(part.data, inputs, captions=bool(part.loss.captions))
        rows = triplets.rows(part.data)
        if part.loss.captions and (lacking := sum(not caption for caption in rows.target_captions)):
            raise ConfigError(
                f"reformulating.loss.captions needs captions of the targets, and {lacking} of {len(rows)} triplets have"
                " none: name them as target_caption, or set it to 0"
            )
        return triplets.of_files(rows, inputs, validation=part.data.validation, workers=part.loop.workers)

    def untrained(self, run: Path) -> Pair:
        """Return the networks of a run, CLIP as the config says and the rest untrained."""
        tokenizer = Tokenizer.open(run / backbones.TOKENIZER, context_length=3)
        backbone = self.clip(run)
        null = torch.from_numpy(tokenizer.encode([""]).ids[:, :2])  # start and end
        net = self.reformulating.net
        online = Reformulation(backbone, null=null, crossed=net.crossed, checkpointed=net.checkpointed)
        return Pair(online, averaged=self.reformulating.momentum.start > 0)

    def best(self, run: Path, *, stage: str) -> Pair:
        """Return the networks with the best weights of the phases up to `stage`; raises ConfigError if any lack."""
        pair = self.untrained(run).eval()
        checkpoint.load(pair, checkpoint.best(run / REFORMULATING))
        if stage == COMBINING:
            checkpoint.load(pair.online.combiner.requires_grad_(True), checkpoint.best(run / COMBINING))
        return pair.requires_grad_(False)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; after the second phase its text weight is 1 − λ. See `Method`."""
        pair = self.best(run, stage=stage)
        text_weight = 1.0 - float(pair.online.combiner.weight) if stage == COMBINING else 0.0
        return self.model(self.method, run, graphs(pair), text_weight=text_weight)


def graphs(pair: Pair) -> Graphs:
    """Return the graphs: the gallery by the average of the weights, the query by the network that learnt.

    `pair` itself is changed: it loses its average, or there would be three copies of a large net.
    """
    settled = pair.eval().settled()
    pair.average = None
    return Graphs(
        gallery=ReformulationGalleryGraph(settled),
        query=ReformulationQueryGraph(pair.online),
        text=weighted_sum.TextGraph(pair.online.backbone),
    )
