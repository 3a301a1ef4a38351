"""SEARLE (Baldrati et al., 2023), a baseline: φ learns to predict words that gradient descent found for images."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from models.errors import ConfigError
from models.nets.searle import Searle
from training.bundles.export import FinishedModel
from training.data.batch import InvertedBatch
from training.data.sources import captioned
from training.engine import frozen, losses
from training.engine.distributed import World
from training.methods.pseudo_words.inverting import Inverted, Inverting, InvertingConfig, phrase_distance
from training.methods.pseudo_words.method import NetworkConfig, PseudoWordConfig
from training.methods.pseudo_words.phrases import Phrases, PhrasesConfig, Sentences
from training.methods.pseudo_words.stage import PseudoWordStage

INVERTING, DISTILLING = "inverting", "distilling"


class DistillingConfig(NetworkConfig):
    """The second stage: φ learns from the words."""

    temperature: float = Field(default=0.25, gt=0)
    bound: float = Field(default=0.75, ge=0)  # weight of the phrases


class SearleConfig(PseudoWordConfig):
    """A run of SEARLE."""

    stages: ClassVar[tuple[str, ...]] = (INVERTING, DISTILLING)

    method: Literal["searle"]
    phrases: PhrasesConfig = PhrasesConfig()
    inverting: InvertingConfig
    distilling: DistillingConfig

    @property
    def device(self) -> str:
        """The device that both stages compute on."""
        return self.distilling.loop.device

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Find words in the folder inverting of `out`, then train φ in distilling; see `Method.train`."""
        first, second = self.inverting, self.distilling
        with world.first():
            tokenizer = self.write_tokenizer(out)
            net = self.untrained(out).to(world.device)
            data = captioned.portraits(first.data, self.inputs(out, net.backbone), workers=second.loop.workers)
        phrases = Phrases.from_config(self.phrases, net.backbone, tokenizer, plain=first.sentences)
        inverting = Inverting(
            first,
            net=net,
            sentences=Sentences.encoded(first.sentences, tokenizer, device=world.device),
            phrases=phrases,
            data=data,
            precision=second.loop.precision,
            seed=self.seed,
            world=world,
        )
        folder = out / INVERTING
        folder.mkdir(exist_ok=True)
        words = inverting.run(folder)
        if until == INVERTING:
            return
        sentence, slot = self.sentence(tokenizer)
        inverted = Inverted(data, words)
        stage = Distilling(
            second, net=net, phrases=phrases, seed=self.seed, sentence=sentence, slot=slot, data=inverted, world=world
        )
        self.fit(stage, second, folder=out / DISTILLING, world=world)

    def untrained(self, run: Path) -> Searle:
        """Return the net of a run, φ untrained."""
        return Searle(self.clip(run), dropout=self.distilling.dropout)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; the first stage has none. See `Method.finished`."""
        if stage == INVERTING:
            raise ConfigError(
                f"the first stage of {run} has words for its own images only: leave out --stage inverting"
            )
        return self.pseudo_word_model(self.method, run)


class Distilling(PseudoWordStage[DistillingConfig, InvertedBatch]):
    """Trains φ to predict in one forward pass the words that gradient descent found."""

    def __init__(
        self,
        config: DistillingConfig,
        *,
        net: Searle,
        phrases: Phrases | None,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: Inverted,
        world: World,
    ) -> None:
        super().__init__(config, net=net, seed=seed, sentence=sentence, slot=slot, data=data, world=world)
        self._phrases = phrases

    def embeddings(self, batch: InvertedBatch) -> dict[str, Tensor]:
        """Return `word` (b, D) with gradient and its `target`; with phrases also `phrase` and `concept` (b, d)."""
        embedding = frozen.embedding(self.net.backbone, batch.target)
        word = self.net.word(embedding)
        embeddings = {"word": word, "target": batch.word}
        if self._phrases is None or not self._config.bound:
            return embeddings
        ids, places, concept = self._phrases.drawn(embedding)
        return embeddings | {"phrase": self.net.compose(word, ids, places=places), "concept": concept}

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """L = L_distil + bound · L_gpt (SEARLE, Sec. 3.2)."""
        loss = losses.agreement(embeddings["word"], embeddings["target"], scale=1 / self._config.temperature)
        if "phrase" in embeddings:
            distance = phrase_distance(embeddings["phrase"], embeddings["concept"])
            loss = loss + self._config.bound * distance.mean()
        return loss
