"""The second stage of SEARLE: φ learns to give in one pass the words that were found by gradient descent."""

from torch import Tensor

from models.nets.searle import Searle
from training.engine import frozen, losses
from training.engine.distributed import World
from training.methods.pseudo_words.config import DistillingConfig
from training.methods.pseudo_words.inverting import Inverted, bound
from training.methods.pseudo_words.phrases import Phrases
from training.methods.pseudo_words.words import PseudoWordStage


class Distilling(PseudoWordStage):
    """Trains φ."""

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
        super().__init__(net=net, seed=seed, sentence=sentence, slot=slot, data=data, loop=config.loop, world=world)
        self._config = config
        self._phrases = phrases

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`word` (b, D) with gradient and the `wanted` one; where there are phrases, `phrase` and `said` (b, d) too."""
        seen = frozen.embedding(self.net.backbone, batch["target"])
        word = self.net.word(seen)
        found = {"word": word, "wanted": batch["word"]}
        if self._phrases is None or not self._config.bound:
            return found
        ids, places, said = self._phrases.drawn(seen)
        return found | {"phrase": self.net.compose(word, ids, places=places), "said": said}

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """L = L_distil + bound · L_gpt (SEARLE, Sec. 3.2)."""
        loss = losses.agreement(found["word"], found["wanted"], scale=1 / self._config.temperature)
        if "phrase" in found:
            loss = loss + self._config.bound * bound(found["phrase"], found["said"]).mean()
        return loss
