"""What the stages of the baselines that make pseudo-words have in common: their order, and what validation asks."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Rows
from models.nets.pseudo_word import PseudoWord, column
from training.data.order import shuffled
from training.engine import frozen
from training.engine.distributed import World
from training.engine.settings import LoopConfig
from training.metrics import retrieval

_EVALUATION_BATCH = 256


class PseudoWordData(Protocol):
    """Rows to learn from. A picture may come as pixels, or as what the frozen tower made of it."""

    def __len__(self) -> int:
        """How many there are to train on."""

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[dict[str, Tensor]]:
        """For each of the orders its rows: what the stage's `embeddings` take."""

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Pictures that are not trained on, as they are."""


class PseudoWordStage:
    """A stage's batches and validation; its embeddings and loss are its own. The mapper alone learns."""

    score = "recall_1"

    def __init__(
        self,
        *,
        net: PseudoWord,
        seed: int,
        sentence: Tensor,
        slot: int,
        data: PseudoWordData,
        loop: LoopConfig,
        world: World,
    ) -> None:
        """`sentence` is the mapping template's token ids (1, L), its pseudo-word at `slot`.

        Raises ConfigError where the data has no whole batch, or the batch does not divide among the ranks.
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

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's rows of each global batch, from number `start` of the epoch on; a resume sees the same."""
        orders = shuffled(len(self._data), batch=self._batch, seed=self._seed, epoch=epoch)[start:]
        return self._data.batches([rows[self._share] for rows in orders], epoch=epoch)

    def stepped(self, done: float) -> None:
        """Nothing follows a step."""

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """How often "a photo of *" finds its own picture among all unseen ones."""
        sentences, pictures = [], []
        for block in self._data.validation(batch=_EVALUATION_BATCH):
            seen = frozen.embedding(self.net.backbone, block.to(self._device))
            sentences.append(self._sentences(seen))
            pictures.append(F.normalize(seen, dim=-1))
        scores = (torch.cat(sentences) @ torch.cat(pictures).T).cpu().numpy()  # (N, N)
        ranks = retrieval.first_ranks(scores, [np.array([row]) for row in range(len(scores))])
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}

    def _sentences(self, seen: Tensor) -> Tensor:
        """Embeddings of pictures at their own length (b, d) → unit vectors of their pseudo-sentences (b, d)."""
        tokens = self._sentence.expand(seen.shape[0], -1)
        return self.net.compose(self.net.word(seen), tokens, places=self._places)
