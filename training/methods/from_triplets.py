"""What the stages that learn from triplets have in common: their data, its way to them, and what validation asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from training.engine import frozen, losses
from training.engine.distributed import World
from training.engine.settings import LoopConfig, TripletLoss
from training.metrics import retrieval

_EVALUATION_BATCH = 256


@dataclass(frozen=True, slots=True)
class Questions:
    """Unseen triplets: for each a picture of the gallery, a text, and the pictures that satisfy it."""

    references: Rows  # (Q,), rows of the gallery; never ranked themselves
    texts: Tensor  # (Q, L), token ids of the template with the wanted changes
    relevant: Sequence[Rows]  # Q × (R,), rows of the gallery

    def recalls(self, queries: Tensor, gallery: Tensor) -> dict[str, float]:
        """recall_1 and recall_10 of the questions' vectors (Q, d) among the gallery's (N, d), all L2-normalised."""
        scores = (queries @ gallery.T).cpu().numpy()  # (Q, N)
        scores[np.arange(len(scores)), self.references] = -np.inf
        ranks = retrieval.first_ranks(scores, self.relevant)
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}


class ComposingData(Protocol):
    """Triplets. A picture or text may come as pixels or ids, or as what the frozen parts of the net made of it."""

    def __len__(self) -> int:
        """How many there are to train on."""

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        """The rows of each global batch of an epoch."""

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[dict[str, Tensor]]:
        """For each of the orders the `share` of its rows: what the stage's `embeddings` take."""

    @property
    def questions(self) -> Questions:
        """What validation asks."""

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """The pictures that the questions' rows name."""


class FromTriplets:
    """A stage's batches and validation; its net, embeddings and loss are its own.

    A batch has `reference`, `target` and `text`. `picture` (b,) numbers the references, `shown` (b,) the targets, and
    `satisfied` (b, M) says which targets also satisfy a row's text; where the data does not say, all others are
    negatives.
    """

    score = "recall_1"

    def __init__(self, data: ComposingData, *, loop: LoopConfig, world: World) -> None:
        """Raises ConfigError where the data has no whole batch, or the batch does not divide among the ranks."""
        self._data = data
        self._batch = loop.batch
        self._device = world.device
        self._share = world.share(loop.batch)
        self.steps_per_epoch = frozen.steps(len(data), loop.batch)

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's rows of each global batch, from number `start` of the epoch on; a resume sees the same."""
        orders = self._data.orders(batch=self._batch, epoch=epoch)[start:]
        return self._data.batches(orders, epoch=epoch, share=self._share)

    def stepped(self, done: float) -> None:
        """Nothing follows a step."""

    def _known(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What a batch says for the loss alone."""
        return {name: batch[name] for name in ("picture", "shown", "satisfied") if name in batch}

    def _gallery(self) -> Iterator[Tensor]:
        """The pictures of validation, block by block, on the CPU."""
        return self._data.gallery(batch=_EVALUATION_BATCH)

    def _questions(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Validation's references (B,), rows of the gallery on the CPU, and its texts (B, L) on the stage's device."""
        asked = self._data.questions
        for start in range(0, len(asked.references), _EVALUATION_BATCH):
            block = slice(start, start + _EVALUATION_BATCH)
            yield torch.from_numpy(asked.references[block]), asked.texts[block].to(self._device)


class Contrasting(FromTriplets):
    """A stage whose loss is the contrast of each query's own target with all of the batch."""

    def __init__(self, data: ComposingData, *, loss: TripletLoss, loop: LoopConfig, world: World) -> None:
        super().__init__(data, loop=loop, world=world)
        self._loss = loss

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """−mean log softmax of cos(composed, target) / temperature over the batch's targets.

        InstructCIR, Eq. 2; TransAgg, Sec. 3.3.
        """
        ignored = found.get("satisfied") if self._loss.satisfied else None
        return losses.nce(found["composed"], found["target"], scale=1 / self._loss.temperature, ignored=ignored)
