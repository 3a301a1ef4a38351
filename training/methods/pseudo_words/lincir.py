"""LinCIR (Gu et al., 2024), a baseline: a caption's vector as a word in place of the caption's keywords."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from models.nets.lincir import LinCir, noisy
from training.bundles.export import FinishedModel
from training.data.batch import MaskedBatch
from training.data.config import CaptionedData
from training.data.datasets import EpochDataset
from training.data.sources import captioned
from training.engine import backbones, frozen, loop
from training.engine.distributed import World
from training.engine.settings import LoopConfig, OptimConfig, Section
from training.methods.pseudo_words.masked_captions import MaskedCaptions
from training.methods.pseudo_words.method import PseudoWordConfig
from training.methods.pseudo_words.stage import PseudoWordStage


class MaskingConfig(Section):
    """The one stage of LinCIR; images are read for validation only."""

    dropout: float = Field(default=0.5, ge=0, lt=1)
    noise: float = Field(default=1.0, ge=0)  # at most, in lengths of a caption's vector
    data: CaptionedData
    optim: OptimConfig
    loop: LoopConfig


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
            tokenizer = backbones.write_tokenizer(self.backbone, out / backbones.TOKENIZER)
            net = self.untrained(out).to(world.device)
            captions = captioned.captions_alone(
                part.data,
                backbone=net.backbone,
                tokenizer=tokenizer,
                seed=self.seed,
                workers=part.loop.workers,
                cache=out.parent / "cache",
            )
        sentence, slot = self.sentence(tokenizer)
        data = MaskedCaptions(captions, tokenizer)
        stage = Masking(part, net=net, seed=self.seed, sentence=sentence, slot=slot, data=data, world=world)
        loop.fit(stage, seed=self.seed, optim=part.optim, loop=part.loop, folder=out / self.stages[0], world=world)

    def untrained(self, run: Path) -> LinCir:
        """Return the net of a run, φ untrained."""
        return LinCir(self.clip(run), dropout=self.masking.dropout)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; see `Method.finished`."""
        return self.model(self.method, run)


class Masking(PseudoWordStage[MaskedBatch]):
    """Trains φ by self-masking projection, on captions alone."""

    def __init__(
        self,
        config: MaskingConfig,
        *,
        net: LinCir,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: EpochDataset[MaskedBatch],
        world: World,
    ) -> None:
        super().__init__(net=net, seed=seed, sentence=sentence, slot=slot, data=data, loop=config.loop, world=world)
        self._noise = config.noise

    def embeddings(self, batch: MaskedBatch) -> dict[str, Tensor]:
        """Return `masked` (b, d) with gradient and the frozen `caption` (b, d)."""
        caption = frozen.text(self.net.backbone, batch.caption)
        word = self.net.word(noisy(caption, scale=self._noise))
        return {"masked": self.net.compose(word, batch.masked, places=batch.places), "caption": caption}

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Mean squared distance of the two, as in the authors' release, here of unit vectors."""
        difference = embeddings["masked"].float() - embeddings["caption"].float()
        return difference.square().sum(dim=1).mean()
