"""Images alone and captions alone of the drawn world, for the methods that learn pseudo-words."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.arrays import Rows
from training.data.batch import ImageBatch
from training.data.drawn import images
from training.data.drawn.features import Features, blocks


class DrawnPortraits:
    """Image embeddings of the frozen tower, computed once; the epochs take turns with `views` of each image."""

    def __init__(self, train: Features, val: Features, *, views: int) -> None:
        self._targets = [train.target_views(number) for number in range(views)]
        self._val = val

    def __len__(self) -> int:
        return len(self._targets[0])

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[ImageBatch]:
        """Yield the embeddings of each order (b, d), half, at their own length."""
        for rows in orders:
            yield ImageBatch(target=torch.from_numpy(self._targets[epoch % len(self._targets)][rows]))

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield embeddings of the val split's images (B, d), half."""
        return blocks(self._val.states()[:, 0], batch)


class DrawnCaptionsAlone:
    """Captions, new ones in every epoch; images only for validation."""

    def __init__(self, products: int, val: Features, *, seed: int) -> None:
        self._products = images.products(products, split="train", seed=seed)
        self._val = val
        self._seed = seed

    def __len__(self) -> int:
        return len(self._products)

    def captions(self, rows: Rows, *, epoch: int) -> list[str]:
        """Return a caption of each of the products."""
        products = [self._products[row] for row in rows]
        return [phrase.text for phrase in images.captions(products, seed=self._seed, epoch=epoch)]

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield embeddings of the val split's images (B, d), half."""
        return blocks(self._val.states()[:, 0], batch)
