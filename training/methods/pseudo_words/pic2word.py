"""Pic2Word (Saito et al., 2023), a baseline: "a photo of *" finds the image that * was made of."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from models.nets.pic2word import Pic2Word
from training.bundles.export import FinishedModel
from training.data.batch import ImageBatch
from training.data.config import CaptionedData
from training.data.sources import captioned
from training.engine import losses
from training.engine.distributed import World
from training.methods.pseudo_words.method import NetworkConfig, PseudoWordConfig
from training.methods.pseudo_words.stage import PseudoWordStage


class NamingConfig(NetworkConfig):
    """The one stage of Pic2Word; captions are not read."""

    dropout: float = Field(default=0.1, ge=0, lt=1)
    temperature: float = Field(default=0.01, gt=0)  # CLIP's own at the end of its training
    data: CaptionedData


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
            tokenizer = self.write_tokenizer(out)
            net = self.untrained(out).to(world.device)
            data = captioned.portraits(part.data, self.inputs(out, net.backbone), workers=part.loop.workers)
        sentence, slot = self.sentence(tokenizer)
        stage = Naming(part, net=net, seed=self.seed, sentence=sentence, slot=slot, data=data, world=world)
        self.fit(stage, part, folder=out / self.stages[0], world=world)

    def untrained(self, run: Path) -> Pic2Word:
        """Return the net of a run, its mapping network untrained."""
        return Pic2Word(self.clip(run), dropout=self.naming.dropout)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; see `Method.finished`."""
        return self.pseudo_word_model(self.method, run)


class Naming(PseudoWordStage[NamingConfig, ImageBatch]):
    """Trains the mapping network on images alone."""

    def embeddings(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Return `sentence` (b, d) with gradient and the frozen `image` (b, d)."""
        sentence, image = self._embedded(batch.target)
        return {"sentence": sentence, "image": image}

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Contrast sentences and images in both directions, as in the authors' release."""
        return losses.symmetric_nce(embeddings["image"], embeddings["sentence"], scale=1 / self._config.temperature)
