"""Methods that train a head over a frozen CLIP, from triplets, in one stage: TransAgg and CLIP4Cir."""

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypeVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.nets.frozen_clip import FrozenClipHead
from training.data.batch import TripletBatch
from training.data.config import DrawnTriplets, TripletData
from training.data.datasets import TripletDataset
from training.data.sources import triplets
from training.engine import checkpoint, frozen
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig, Section, TripletLoss
from training.methods.clip_run import ClipRunConfig
from training.methods.stages.from_triplets import Contrasting

See = Callable[[Backbone, Tensor], Tensor]  # an image, in any form that batches have → the features that a head reads

HeadOf = TypeVar("HeadOf", bound=FrozenClipHead)


class HeadConfig(Section):
    """The one stage: the head learns."""

    dropout: float = Field(default=0.5, ge=0, lt=1)
    data: TripletData
    loss: TripletLoss = TripletLoss()
    optim: OptimConfig
    loop: LoopConfig


class FrozenClipConfig(ClipRunConfig):
    """A head over a frozen CLIP; a subclass says which head, and which of CLIP's outputs it reads."""

    stages: ClassVar[tuple[str, ...]]  # the one stage

    template: str = Field(default="{text}", pattern=r"^[^*]*\{text\}[^*]*$")

    @property
    @abstractmethod
    def head(self) -> HeadConfig:
        """The config of the one stage."""

    @abstractmethod
    def untrained(self, run: Path) -> FrozenClipHead:
        """Return the net of a run, its head untrained."""

    @staticmethod
    @abstractmethod
    def see(backbone: Backbone, image: Tensor) -> Tensor:
        """Return the image features that the head reads: embeddings (B, d), or states (B, 1+N, d)."""

    @property
    def device(self) -> str:
        """The device to train on."""
        return self.head.loop.device

    @property
    def triplets(self) -> tuple[TripletData, LoopConfig]:
        """The triplets to learn from, and how long."""
        return self.head.data, self.head.loop

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train the head in its folder of `out`; see `Method.train`."""
        part = self.head
        with world.first():
            self.write_tokenizer(out)
            net = self.untrained(out).to(world.device)
            inputs = self.inputs(out, net.backbone)
            data: TripletDataset
            if isinstance(part.data, DrawnTriplets):
                data = triplets.drawn_states(part.data, inputs)
            else:
                rows = triplets.rows(part.data)
                data = triplets.of_files(rows, inputs, validation=part.data.validation, workers=part.loop.workers)
        stage = HeadStage(part, net=net, see=self.see, data=data, world=world)
        self.fit(stage, part, folder=out / self.stages[0], world=world)

    def load_best(self, net: HeadOf, run: Path) -> HeadOf:
        """Load the best weights into an untrained net; raises ConfigError if the run has not ended."""
        checkpoint.load(net.eval(), checkpoint.best(run / self.stages[0]))
        return net.requires_grad_(False)


class HeadStage(Contrasting):
    """Trains the head, and leaves CLIP as it is."""

    def __init__(
        self, config: HeadConfig, *, net: FrozenClipHead, see: See, data: TripletDataset, world: World
    ) -> None:
        super().__init__(data, loss=config.loss, loop=config.loop, world=world)
        self.net = net
        self._see = see

    def embeddings(self, batch: TripletBatch) -> dict[str, Tensor]:
        """Return `composed` with gradient and the frozen `target` (b, d)."""
        return self._labels(batch) | {
            "composed": self.net.compose(self._see(self.net.backbone, batch.reference), batch.text),
            "target": frozen.image(self.net.backbone, batch.target),
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the recall of the unseen triplets' targets; every image that satisfies the text counts."""
        blocks = (self._see(self.net.backbone, block.to(self._device)) for block in self._gallery())
        # states of many tokens are kept in half precision, embeddings are small
        features = torch.cat([block if block.ndim == 2 else block.half() for block in blocks])
        queries = [self.net.compose(features[rows].float(), texts) for rows, texts in self._queries()]
        gallery = features if features.ndim == 2 else features[:, 0]
        return self._recalls(torch.cat(queries), F.normalize(gallery.float(), dim=-1))
