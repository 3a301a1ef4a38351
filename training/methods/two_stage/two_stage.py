"""The two-stage method on a frozen CLIP: its run, from mapping to composing, and its finished model."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from models import files
from models.errors import ConfigError
from models.nets.two_stage import Reference, TwoStage, TwoStageShape, scaled
from models.nets.two_stage_graphs import TwoStageComposeGraph, TwoStageReferenceGraph
from training.bundles.export import FinishedModel
from training.bundles.onnx_graph import Graphs, Split
from training.data.config import DrawnTriplets, ShopTriplets, TripletStates
from training.data.datasets import TripletDataset
from training.data.sources import captioned, triplets
from training.data.sources.run_inputs import RunInputs
from training.engine import backbones, checkpoint
from training.engine.distributed import World
from training.engine.settings import LoopConfig
from training.methods.clip_run import ClipRunConfig, frozen_graphs
from training.methods.stages import pseudo_sentence
from training.methods.two_stage.composing import ComposingStage
from training.methods.two_stage.config import ComposingConfig, MappingConfig
from training.methods.two_stage.mapping import MappingStage

MAPPING, COMPOSING = "mapping", "composing"


class TwoStageConfig(ClipRunConfig):
    """A run of the two-stage method."""

    method: Literal["two-stage"]
    template: str = Field(default="a photo of * that {text}", pattern=r"\*.*\{text\}")
    mapping: MappingConfig
    composing: ComposingConfig

    @model_validator(mode="after")
    def _one_device(self) -> Self:
        if self.mapping.loop.device != self.composing.loop.device:
            raise ValueError("mapping.loop.device and composing.loop.device differ: a run has one kind of device")
        data = self.composing.data
        one_shop = isinstance(data, ShopTriplets) or (isinstance(data, DrawnTriplets) and data.one_shop)
        if self.composing.loss.shop and not one_shop:
            raise ValueError("composing.loss.shop needs drawn triplets with composing.data.one_shop = true")
        if self.composing.loss.soft and isinstance(data, ShopTriplets):
            raise ValueError("composing.loss.soft needs captions, which triplets of a shop do not have: set it to 0")
        return self

    @property
    def stages(self) -> tuple[str, ...]:
        """Both stages, or the second alone if the run is from scratch."""
        return (COMPOSING,) if self.composing.start == "scratch" else (MAPPING, COMPOSING)

    @property
    def device(self) -> str:
        """The device that both stages train on."""
        return self.composing.loop.device

    @property
    def triplets(self) -> tuple[TripletStates, LoopConfig]:
        """The triplets that the second stage learns from, and how long."""
        return self.composing.data, self.composing.loop

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train the stages in the folders mapping and composing of `out`; see `Method.train`."""
        first, second = self.mapping, self.composing
        with world.first():
            tokenizer = self.write_tokenizer(out)
            net = self.untrained(out).to(world.device)
        inputs = self.inputs(out, net.backbone)
        sentence, slot = pseudo_sentence.pseudo_sentence(pseudo_sentence.mapping_template(self.template), tokenizer)
        if until == COMPOSING and MAPPING in self.stages and not isinstance(second.data, DrawnTriplets):
            with world.first():  # before hours of the first stage, since files may be missing or broken
                self._triplets(net, inputs)
            world.share(second.loop.batch)
        if MAPPING in self.stages:
            if not checkpoint.has_ended(out / MAPPING):
                with world.first():
                    data = captioned.captioned(first.data, inputs, workers=first.loop.workers)
                mapping = MappingStage(
                    first, seed=self.seed, net=net, sentence=sentence, slot=slot, data=data, world=world
                )
                self.fit(mapping, first, folder=out / MAPPING, world=world)
            load_mapping(net, checkpoint.best(out / MAPPING))
        if until == MAPPING:
            return
        with world.first():
            triplet_data = self._triplets(net, inputs)
        composing = ComposingStage(second, net=net, sentence=sentence, slot=slot, data=triplet_data, world=world)
        self.fit(composing, second, folder=out / COMPOSING, world=world)

    def untrained(self, run: Path) -> TwoStage:
        """Return the net of a run, CLIP as the config says and its own modules untrained."""
        backbone = self.clip(run)
        depth = len(backbone.text_blocks)
        parts, adapters = self.mapping.net, self.composing.net
        shape = TwoStageShape(
            injection_layers=scaled(parts.injection_layers, depth),
            adapter_layers=scaled(adapters.adapter_layers, depth),
            bottleneck=parts.bottleneck,
            rank=adapters.rank,
            dropout=parts.dropout,
        )
        return TwoStage(backbone, shape)

    def best(self, run: Path, *, stage: str) -> TwoStage:
        """Return the net with the best weights of its stages, up to `stage`; raises ConfigError if any lack."""
        net = self.untrained(run).eval()
        net.drop_dead()
        if MAPPING in self.stages:
            load_mapping(net, checkpoint.best(run / MAPPING))
        if stage == MAPPING:
            net.adapters = nn.ModuleDict()
            return net
        state = checkpoint.best(run / COMPOSING)
        adapters = {name for name in net.state_dict() if name.startswith("adapters.")}
        if not adapters <= state.keys() <= net.state_dict().keys():
            raise ConfigError(f"the weights in {run / COMPOSING} are of another net: was the run's config changed?")
        net.load_state_dict(dict(state), strict=False)  # frozen parameters are not in it
        return net

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run, called "mapping" without the second stage; see `Method.finished`."""
        net = self.best(run, stage=stage)
        template = pseudo_sentence.mapping_template(self.template)
        _, slot = pseudo_sentence.pseudo_sentence(template, self.write_tokenizer(run))
        return self.model(self.method if stage == COMPOSING else MAPPING, run, graphs(net, slot=slot))

    def _triplets(self, net: TwoStage, inputs: RunInputs) -> TripletDataset:
        """Return the data of the second stage; `net` has been through the first."""
        part = self.composing
        if isinstance(part.data, DrawnTriplets):
            return triplets.drawn_states(part.data, inputs, net=net if part.learns == "adapters" else None)
        if isinstance(part.data, ShopTriplets):
            return triplets.shop_states(part.data, inputs)
        rows = triplets.rows(part.data)
        if part.loss.soft and not any(rows.captions):
            raise ConfigError(
                "the soft alignment needs captions of the references, and the triplets have none: name them, or set"
                " composing.loss.soft = 0"
            )
        return triplets.of_files(rows, inputs, validation=part.data.validation, workers=part.loop.workers)


def graphs(net: TwoStage, *, slot: int) -> Graphs:
    """Return the net's graphs; `net` itself is changed: the dead injection is dropped and the adapters are folded."""
    net.eval()
    net.drop_dead()
    net.fold()
    query = Split(TwoStageReferenceGraph(net), TwoStageComposeGraph(net, slot=slot), features=Reference._fields)
    return frozen_graphs(net.backbone, query)


def load_mapping(net: TwoStage, state: Mapping[str, Tensor]) -> None:
    """Load the weights of a first stage; raises ConfigError if they are of another net."""
    net.drop_dead()
    parts = ("learner", "patches", "injections") if net.injections else ("learner",)  # what the first stage trains
    expected = {name for name in net.state_dict() if name.split(".")[0] in parts}
    if expected != state.keys():
        raise ConfigError("the first stage is of another net: train it again, or name the run of the same config")
    net.load_state_dict(dict(state), strict=False)  # frozen parameters are not in it


def copy_mapping(own: TwoStageConfig, source: Path, other: TwoStageConfig, out: Path) -> None:
    """Copy the finished first stage of another run; raises ConfigError if it was trained with other settings."""
    expected = (own.seed, own.template, own.backbone, own.mapping)
    if expected != (other.seed, other.template, other.backbone, other.mapping):
        raise ConfigError(f"the first stage of {source} has other settings than this config: leave out --mapping")
    checkpoint.best(source / MAPPING)  # raises if it has not ended
    weights = backbones.BUNDLE_WEIGHTS  # of the bundle as it was then: another may have replaced it since
    if (source / weights).exists():
        with files.replacing(out / weights) as part:
            shutil.copyfile(source / weights, part)
    if not (out / MAPPING).exists():
        with files.new_folder(out / MAPPING) as folder:
            shutil.copytree(source / MAPPING, folder, dirs_exist_ok=True)
