"""Pic2Word (Saito et al., 2023), a baseline: "a photo of *" finds the image that * was made of."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from models.nets.pic2word import Pic2Word
from training.bundles.export import FinishedModel
from training.data.batch import ImageBatch
from training.data.config import CaptionedData
from training.data.datasets import EpochDataset
from training.data.sources import captioned
from training.engine import backbones, frozen, loop, losses
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig, Section
from training.methods.pseudo_words.method import PseudoWordConfig
from training.methods.pseudo_words.stage import PseudoWordStage


class NamingConfig(Section):
    """The one stage of Pic2Word; captions are not read."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    temperature: float = Field(default=0.01, gt=0)  # CLIP's own at the end of its training
    data: CaptionedData
    optim: OptimConfig
    loop: LoopConfig


class Pic2WordConfig(PseudoWordConfig):
    """A run of Pic2Word."""

    stages: ClassVar[tuple[str, ...]] = ("naming",)

    method: Literal["pic2word"]
    template: str = Field(default="a photo of * , {text}", pattern=r"\*.*\{text\}")
    naming: NamingConfig

    @property
    def device(self) -> str:
        """The device to train on."""
        return self.naming.loop.device

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train the mapping network in the folder naming of `out`; see `Method.train`."""
        part = self.naming
        with world.first():
            tokenizer = backbones.write_tokenizer(self.backbone, out / backbones.TOKENIZER)
            net = self.untrained(out).to(world.device)
            data = captioned.portraits(
                part.data,
                backbone=net.backbone,
                tokenizer=tokenizer,
                seed=self.seed,
                workers=part.loop.workers,
                cache=out.parent / "cache",
            )
        sentence, slot = self.sentence(tokenizer)
        stage = Naming(part, net=net, seed=self.seed, sentence=sentence, slot=slot, data=data, world=world)
        loop.fit(stage, seed=self.seed, optim=part.optim, loop=part.loop, folder=out / self.stages[0], world=world)

    def untrained(self, run: Path) -> Pic2Word:
        """Return the net of a run, its mapping network untrained."""
        return Pic2Word(self.clip(run), dropout=self.naming.dropout)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; see `Method.finished`."""
        return self.model(self.method, run)


class Naming(PseudoWordStage[ImageBatch]):
    """Trains the mapping network on images alone."""

    def __init__(
        self,
        config: NamingConfig,
        *,
        net: Pic2Word,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: EpochDataset[ImageBatch],
        world: World,
    ) -> None:
        super().__init__(net=net, seed=seed, sentence=sentence, slot=slot, data=data, loop=config.loop, world=world)
        self._scale = 1 / config.temperature

    def embeddings(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Return `sentence` (b, d) with gradient and the frozen `image` (b, d)."""
        embedding = frozen.embedding(self.net.backbone, batch.target)
        return {"sentence": self._sentences(embedding), "image": F.normalize(embedding, dim=-1)}

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Contrast sentences and images in both directions, as in the authors' release."""
        return losses.symmetric_nce(embeddings["image"], embeddings["sentence"], scale=self._scale)
