"""The one stage of the baseline Pic2Word: "a photo of *" finds the picture that * was made of."""

from torch import Tensor
from torch.nn import functional as F

from models.nets.pic2word import Pic2Word
from training.engine import frozen, losses
from training.engine.distributed import World
from training.methods.pseudo_words.config import NamingConfig
from training.methods.pseudo_words.words import PseudoWordData, PseudoWordStage


class Naming(PseudoWordStage):
    """Trains Pic2Word's mapping network on pictures alone."""

    def __init__(
        self,
        config: NamingConfig,
        *,
        net: Pic2Word,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: PseudoWordData,
        world: World,
    ) -> None:
        super().__init__(net=net, seed=seed, sentence=sentence, slot=slot, data=data, loop=config.loop, world=world)
        self._scale = 1 / config.temperature

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`sentence` (b, d) with gradient and the frozen `picture` (b, d), of the batch's `target` alone."""
        seen = frozen.embedding(self.net.backbone, batch["target"])
        return {"sentence": self._sentences(seen), "picture": F.normalize(seen, dim=-1)}

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """The symmetric contrast of sentences and pictures, as in the authors' release."""
        return losses.symmetric_nce(found["picture"], found["sentence"], scale=self._scale)
