"""Base of the stages that train a mapping network over a frozen CLIP."""

from typing import Generic, TypeVar

from torch import Tensor
from torch.nn import functional as F

from models.nets.pseudo_word import PseudoWord, column
from training.data.datasets import EpochDataset
from training.engine import frozen
from training.engine.distributed import World
from training.methods.pseudo_words.method import NetworkConfig
from training.methods.stages.from_images import BatchOf, FromImages

ConfigOf = TypeVar("ConfigOf", bound=NetworkConfig)


class PseudoWordStage(FromImages[BatchOf], Generic[ConfigOf, BatchOf]):
    """Pseudo-sentences of a stage; a subclass adds embeddings and loss. Only the mapping network learns."""

    def __init__(
        self,
        config: ConfigOf,
        *,
        net: PseudoWord,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: EpochDataset[BatchOf],
        world: World,
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L), its pseudo-word at `slot`; see `FromImages`."""
        super().__init__(data, sentence=sentence, seed=seed, loop=config.loop, world=world)
        self.net = net
        self._config = config
        self._places = column(slot, sentence.shape[1], device=world.device)

    def _embedded(self, images: Tensor) -> tuple[Tensor, Tensor]:
        embedding = frozen.embedding(self.net.backbone, images)
        return self._sentences(embedding), F.normalize(embedding, dim=-1)

    def _sentences(self, embedding: Tensor) -> Tensor:
        """Return unit vectors (b, d) of the pseudo-sentences of image embeddings at their own length (b, d)."""
        tokens = self._sentence.expand(embedding.shape[0], -1)
        return self.net.compose(self.net.word(embedding), tokens, places=self._places)
