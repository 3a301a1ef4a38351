"""LinCIR (Gu et al., 2024), a baseline: a caption's vector as a word in place of the caption's keywords."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from models.nets.lincir import LinCir, noisy
from training.bundles.export import FinishedModel
from training.data.batch import MaskedBatch
from training.data.config import CaptionedData
from training.data.sources import captioned
from training.engine import frozen
from training.engine.distributed import World
from training.methods.pseudo_words.masked_captions import MaskedCaptions
from training.methods.pseudo_words.method import NetworkConfig, PseudoWordConfig
from training.methods.pseudo_words.stage import PseudoWordStage


class MaskingConfig(NetworkConfig):
    """The one stage of LinCIR; images are read for validation only."""

    noise: float = Field(default=1.0, ge=0)  # at most, in lengths of a caption's vector
    data: CaptionedData


class LinCirConfig(PseudoWordConfig):
    """A run of LinCIR."""

    stages: ClassVar[tuple[str, ...]] = ("masking",)

    method: Literal["lincir"]
    masking: MaskingConfig

    @property
    def device(self) -> str:
        """The device to train on."""
        return self.masking.loop.device

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train φ in the folder masking of `out`; see `Method.train`."""
        part = self.masking
        with world.first():
            tokenizer = self.write_tokenizer(out)
            net = self.untrained(out).to(world.device)
            captions = captioned.captions_alone(part.data, self.inputs(out, net.backbone), workers=part.loop.workers)
        sentence, slot = self.sentence(tokenizer)
        data = MaskedCaptions(captions, tokenizer)
        stage = Masking(part, net=net, seed=self.seed, sentence=sentence, slot=slot, data=data, world=world)
        self.fit(stage, part, folder=out / self.stages[0], world=world)

    def untrained(self, run: Path) -> LinCir:
        """Return the net of a run, φ untrained."""
        return LinCir(self.clip(run), dropout=self.masking.dropout)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; see `Method.finished`."""
        return self.pseudo_word_model(self.method, run)


class Masking(PseudoWordStage[MaskingConfig, MaskedBatch]):
    """Trains φ by self-masking projection, on captions alone."""

    def embeddings(self, batch: MaskedBatch) -> dict[str, Tensor]:
        """Return `masked` (b, d) with gradient and the frozen `caption` (b, d)."""
        caption = frozen.text(self.net.backbone, batch.caption)
        word = self.net.word(noisy(caption, scale=self._config.noise))
        return {"masked": self.net.compose(word, batch.masked, places=batch.places), "caption": caption}

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Mean squared distance of the two, as in the authors' release, here of unit vectors."""
        difference = embeddings["masked"].float() - embeddings["caption"].float()
        return difference.square().sum(dim=1).mean()
