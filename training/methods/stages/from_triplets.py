"""Stages that learn from triplets: their batches, their validation, and the contrastive loss that most of them have."""

from collections.abc import Iterator

import torch
from torch import Tensor

from training.data.batch import TripletBatch
from training.data.datasets import TripletDataset
from training.engine import frozen, losses
from training.engine.distributed import World
from training.engine.settings import LoopConfig, TripletLoss

_EVALUATION_BATCH = 256
_LABELS = ("reference_row", "target_row", "satisfied", "shop", "grades", "described")


class FromTriplets:
    """Batches and validation of a stage; a subclass adds net, embeddings and loss.

    If the data does not say which other targets satisfy a text, all of them are negatives.
    """

    score = "recall_1"

    def __init__(self, data: TripletDataset, *, loop: LoopConfig, world: World) -> None:
        """Raises ConfigError if the data has no whole batch, or if the batch does not divide among the ranks."""
        self._data = data
        self._batch = loop.batch
        self._device = world.device
        self._share = world.share(loop.batch)
        self.images: Tensor | None = None
        frozen.steps(len(data), loop.batch)  # raises
        self.steps_per_epoch = len(data.orders(batch=loop.batch, epoch=0))

    def batches(self, epoch: int, *, start: int) -> Iterator[TripletBatch]:
        """Yield this rank's rows of each global batch from number `start` on; a resumed run gets the same batches."""
        orders = self._data.orders(batch=self._batch, epoch=epoch)[start:]
        return self._data.batches(orders, epoch=epoch, share=self._share)

    def stepped(self, done: float) -> None:
        """Do nothing after a step."""

    def _labels(self, batch: TripletBatch) -> dict[str, Tensor]:
        """Return the fields of a batch that only the loss reads."""
        fields = batch.tensors()
        return {name: fields[name] for name in _LABELS if name in fields}

    def _gallery(self) -> Iterator[Tensor]:
        """Yield the images of validation, block by block, on the CPU."""
        return self._data.gallery(batch=_EVALUATION_BATCH)

    def _queries(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield validation's references (B,), gallery rows on the CPU, and texts (B, L) on the stage's device."""
        queries = self._data.validation_queries
        for start in range(0, len(queries.references), _EVALUATION_BATCH):
            block = slice(start, start + _EVALUATION_BATCH)
            yield torch.from_numpy(queries.references[block]), queries.texts[block].to(self._device)

    def _recalls(self, composed: Tensor, gallery: Tensor) -> dict[str, float]:
        """Return the recall of unit vectors (B, d) of validation's queries among those (N, d) of its images."""
        self.images = gallery
        return self._data.validation_queries.recalls(composed, gallery)


class Contrasting(FromTriplets):
    """A stage whose loss contrasts each query's own target with all targets of the batch."""

    def __init__(self, data: TripletDataset, *, loss: TripletLoss, loop: LoopConfig, world: World) -> None:
        super().__init__(data, loop=loop, world=world)
        self._loss = loss

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """−mean log softmax of cos(composed, target) / temperature over the batch's targets.

        InstructCIR, Eq. 2; TransAgg, Sec. 3.3.
        """
        ignored = embeddings.get("satisfied") if self._loss.satisfied else None
        scale = 1 / self._loss.temperature
        return losses.nce(embeddings["composed"], embeddings["target"], scale=scale, ignored=ignored)
