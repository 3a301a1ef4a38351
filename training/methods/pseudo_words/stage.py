"""Base of the stages that train a mapping network: their order of rows, and their validation."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.pseudo_word import PseudoWord, column
from training.data.datasets import EpochDataset
from training.data.order import shuffled
from training.engine import frozen
from training.engine.batch import Batch
from training.engine.distributed import World
from training.engine.settings import LoopConfig
from training.metrics import retrieval

_EVALUATION_BATCH = 256

BatchOf = TypeVar("BatchOf", bound=Batch)


class PseudoWordStage(ABC, Generic[BatchOf]):
    """Batches and validation of a stage; a subclass adds embeddings and loss. Only the mapping network learns."""

    score = "recall_1"

    def __init__(
        self,
        *,
        net: PseudoWord,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: EpochDataset[BatchOf],
        loop: LoopConfig,
        world: World,
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L), its pseudo-word at `slot`.

        Raises ConfigError if the data has no whole batch, or if the batch does not divide among the ranks.
        """
        self.net = net
        self._seed = seed
        self._data = data
        self._sentence = sentence.to(world.device)
        self._places = column(slot, sentence.shape[1], device=world.device)
        self._batch = loop.batch
        self._device = world.device
        self._share = world.share(loop.batch)
        self.steps_per_epoch = frozen.steps(len(data), loop.batch)

    def batches(self, epoch: int, *, start: int) -> Iterator[BatchOf]:
        """Yield this rank's rows of each global batch from number `start` on; a resumed run gets the same batches."""
        orders = shuffled(len(self._data), batch=self._batch, seed=self._seed, epoch=epoch)[start:]
        return self._data.batches([rows[self._share] for rows in orders], epoch=epoch)

    @abstractmethod
    def embeddings(self, batch: BatchOf) -> dict[str, Tensor]:
        """Return all that the loss needs of a batch; see `loop.Stage`."""

    @abstractmethod
    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Return the loss of a global batch; see `loop.Stage`."""

    def stepped(self, done: float) -> None:
        """Do nothing after a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return how often "a photo of *" finds its own image among all unseen ones."""
        sentences, images = [], []
        for block in self._data.validation(batch=_EVALUATION_BATCH):
            embedding = frozen.embedding(self.net.backbone, block.to(self._device))
            sentences.append(self._sentences(embedding))
            images.append(F.normalize(embedding, dim=-1))
        scores = (torch.cat(sentences) @ torch.cat(images).T).cpu().numpy()  # (N, N)
        ranks = retrieval.first_ranks(scores, [np.array([row]) for row in range(len(scores))])
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}

    def _sentences(self, embedding: Tensor) -> Tensor:
        """Return unit vectors (b, d) of the pseudo-sentences of image embeddings at their own length (b, d)."""
        tokens = self._sentence.expand(embedding.shape[0], -1)
        return self.net.compose(self.net.word(embedding), tokens, places=self._places)
