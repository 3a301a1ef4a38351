"""The one stage of the baseline LinCIR: a caption's vector as a word in place of the caption's keywords."""

from torch import Tensor

from models.nets.lincir import LinCir, noisy
from training.engine import frozen
from training.engine.distributed import World
from training.methods.pseudo_words.config import MaskingConfig
from training.methods.pseudo_words.words import PseudoWordData, PseudoWordStage


class Masking(PseudoWordStage):
    """Trains φ by self-masking projection, on captions alone."""

    def __init__(
        self,
        config: MaskingConfig,
        *,
        net: LinCir,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: PseudoWordData,
        world: World,
    ) -> None:
        super().__init__(net=net, seed=seed, sentence=sentence, slot=slot, data=data, loop=config.loop, world=world)
        self._noise = config.noise

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`masked` (b, d) with gradient and the frozen `caption` (b, d)."""
        caption = frozen.text(self.net.backbone, batch["caption"])
        word = self.net.word(noisy(caption, scale=self._noise))
        return {"masked": self.net.compose(word, batch["masked"], places=batch["places"]), "caption": caption}

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """The mean squared distance of the two, as in the authors' release, here of unit vectors."""
        return (found["masked"].float() - found["caption"].float()).square().sum(dim=1).mean()
