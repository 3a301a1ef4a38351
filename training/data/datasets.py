"""Interfaces between training data and the stages that learn from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

from models.arrays import Rows
from training.data.batch import TripletBatch
from training.engine.batch import Batch
from training.metrics import retrieval

BatchOf = TypeVar("BatchOf", bound=Batch, covariant=True)


class EpochDataset(Protocol[BatchOf]):
    """Images, captions or both, read in the order that the stage chooses; see `training.data.batch`."""

    def __len__(self) -> int:
        """Return the number of rows to train on."""

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[BatchOf]:
        """Yield one batch for each of the orders, with its rows."""

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield images that are not trained on, `batch` at a time."""


@dataclass(frozen=True, slots=True)
class ValidationQueries:
    """Unseen triplets: for each a reference of the gallery, a text, and the images that satisfy it."""

    references: Rows  # (Q,), rows of the gallery; never ranked themselves
    texts: Tensor  # (Q, L), token ids of the template with the wanted changes
    relevant: Sequence[Rows]  # Q × (R,), rows of the gallery

    def recalls(self, vectors: Tensor, gallery: Tensor) -> dict[str, float]:
        """Return recall_1 and recall_10 of the query vectors (Q, d) in the gallery (N, d), all L2-normalised."""
        scores = (vectors @ gallery.T).cpu().numpy()  # (Q, N)
        scores[np.arange(len(scores)), self.references] = -np.inf
        ranks = retrieval.first_ranks(scores, self.relevant)
        return {f"recall_{k}": retrieval.recall(ranks, k) for k in (1, 10)}


@runtime_checkable
class RankedShops(Protocol):
    """Triplets whose batches are of one shop each, with the grades of all its products."""

    def shop_gallery(self, number: int) -> Tensor:
        """Return embeddings of all products of a shop (S, d), half, at their own length."""


class TripletDataset(Protocol):
    """Triplets, in an order that the data chooses, with unseen ones to validate on."""

    def __len__(self) -> int:
        """Return the number of triplets to train on."""

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        """Return the rows of each global batch of an epoch."""

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        """Yield one batch for each of the orders, with the `share` of its rows."""

    @property
    def validation_queries(self) -> ValidationQueries:
        """The queries of validation."""

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """Yield the images that the validation queries rank, `batch` at a time."""
