"""Stages that learn pseudo-words from images: their batches, and the validation by "a photo of *"."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from training.data.datasets import EpochDataset
from training.data.order import shuffled
from training.engine import frozen
from training.engine.batch import Batch
from training.engine.distributed import World
from training.engine.settings import LoopConfig
from training.metrics import retrieval

_EVALUATION_BATCH = 256

BatchOf = TypeVar("BatchOf", bound=Batch)


class FromImages(ABC, Generic[BatchOf]):
    """Batches and validation of a stage; a subclass adds net, embeddings and loss."""

    score = "recall_1"

    def __init__(
        self, data: EpochDataset[BatchOf], *, sentence: Tensor, seed: int, loop: LoopConfig, world: World
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L).

        Raises ConfigError if the data has no whole batch, or if the batch does not divide among the ranks.
        """
        self._data = data
        self._sentence = sentence.to(world.device)
        self._seed = seed
        self._batch = loop.batch
        self._device = world.device
        self._share = world.share(loop.batch)
        self.images: Tensor | None = None
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

    @abstractmethod
    def _embedded(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return unit vectors (b, d) of the pseudo-sentences of images, in any form that batches have, and of these."""

    def stepped(self, done: float) -> None:
        """Do nothing after a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return how often "a photo of *" finds its own image among all unseen ones."""
        blocks = self._data.validation(batch=_EVALUATION_BATCH)
        sentences, images = zip(*(self._embedded(block.to(self._device)) for block in blocks), strict=True)
        self.images = torch.cat(images)
        scores = (torch.cat(sentences) @ self.images.T).cpu().numpy()  # (N, N)
        ranks = retrieval.first_ranks(scores, list(np.arange(len(scores))[:, None]))
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}
