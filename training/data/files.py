"""Datasets of files: the rows of a source, some of them held out at random, and their batches."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from models.arrays import Rows
from models.errors import ConfigError
from training.data import load
from training.data.batch import CaptionedBatch, TripletBatch
from training.data.datasets import ValidationQueries
from training.data.load import Tokenise
from training.data.order import shuffled
from training.data.rows import Captioned, Triplets


class FileCaptions:
    """Captioned images."""

    def __init__(
        self, data: Captioned, *, validation: int, tokenise: Tokenise, seed: int, size: int, workers: int
    ) -> None:
        """Hold out `validation` rows, the same for a seed; raises ConfigError if none is left to train on."""
        self._data = data
        self._held_out, self._rows = _split(np.arange(len(data)), validation, seed=seed)
        self._tokenise = tokenise
        self._seed = seed
        self._size = size
        self._workers = workers

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[CaptionedBatch]:
        """Yield the views and the captions of each order, as `load.captioned` does."""
        return load.captioned(
            self._data,
            [self._rows[order] for order in orders],
            tokenise=self._tokenise,
            seed=self._seed,
            epoch=epoch,
            size=self._size,
            workers=self._workers,
        )

    def captions(self, rows: Rows, *, epoch: int) -> list[str]:
        """Return the captions of some of the rows to train on, the same in every epoch."""
        return [self._data.captions[row] for row in self._rows[rows]]

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield the images that were held out, uint8 (B, 3, S, S)."""
        blocks = _blocks(self._held_out, batch)
        return load.plain(self._data.images, blocks, size=self._size, workers=self._workers)


class FileTriplets:
    """Triplets, for every method.

    Validation ranks the images of the held-out triplets. Rows with the same reference and target are held out together,
    whatever their texts. A row to train on may name one of the two images, and the same image under two names counts as
    two.
    """

    def __init__(
        self,
        data: Triplets,
        *,
        validation: int,
        texts: Tokenise,
        captions: Tokenise,
        seed: int,
        size: int,
        workers: int,
    ) -> None:
        """Hold out at least `validation` rows, the same for a seed; raises ConfigError if none is left to train on."""
        self._data = data
        pairs = data.references * len(data.images) + data.targets  # (N,)
        held_out, self._rows = _split(pairs, validation, seed=seed)
        named = np.concatenate([data.references[held_out], data.targets[held_out]])
        self._gallery, rows = np.unique(named, return_inverse=True)
        references, targets = np.split(rows, 2)  # (validation,) each, rows of the gallery
        self.validation_queries = ValidationQueries(
            references=references, texts=texts([data.texts[row] for row in held_out]), relevant=list(targets[:, None])
        )
        self._texts = texts
        self._captions = captions
        self._seed = seed
        self._size = size
        self._workers = workers

    def __len__(self) -> int:
        return len(self._rows)

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        """Return the rows of each global batch of an epoch."""
        return shuffled(len(self), batch=batch, seed=self._seed, epoch=epoch)

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        """Yield the `share` of each order, as `load.triplets` does; the same in every epoch."""
        return load.triplets(
            self._data,
            [self._rows[order] for order in orders],
            share=share,
            texts=self._texts,
            captions=self._captions,
            size=self._size,
            workers=self._workers,
        )

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """Yield the images that the validation queries rank, uint8 (B, 3, S, S)."""
        blocks = _blocks(self._gallery, batch)
        return load.plain(self._data.images, blocks, size=self._size, workers=self._workers)


def _split(kinds: Rows, validation: int, *, seed: int) -> tuple[Rows, Rows]:
    """Return the rows that are held out and those that are trained on, both ascending.

    Kinds are drawn at random until they have `validation` rows; rows of one of `kinds` (N,) stay together.
    """
    _, kind, sizes = np.unique(kinds, return_inverse=True, return_counts=True)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(sizes))
    drawn = order[: int(np.searchsorted(sizes[order].cumsum(), validation)) + 1]
    held_out = np.isin(kind, drawn)  # (N,)
    if held_out.all():
        raise ConfigError(f"data.validation holds out {validation} of {len(kinds)} rows: leave some to train on")
    return np.flatnonzero(held_out), np.flatnonzero(~held_out)


def _blocks(rows: Rows, batch: int) -> list[Rows]:
    return [rows[start : start + batch] for start in range(0, len(rows), batch)]
