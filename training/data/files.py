"""Files as training data: the rows of a source, some of them held out by lot, and their batches."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from models.arrays import Rows
from models.errors import ConfigError
from training.data import batches
from training.data.batches import Batch, Tokenise
from training.data.order import shuffled
from training.data.rows import Captioned, Triplets
from training.methods.from_triplets import Questions


class LoadedCaptions:
    """Captioned pictures for the mapping stage."""

    def __init__(
        self, data: Captioned, *, validation: int, tokenise: Tokenise, seed: int, size: int, workers: int
    ) -> None:
        """`validation` rows are held out, the same for a seed; raises ConfigError where none is left."""
        self._data = data
        self._held_out, self._rows = _split(np.arange(len(data)), validation, seed=seed)
        self._tokenise = tokenise
        self._seed = seed
        self._size = size
        self._workers = workers

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[Batch]:
        """For each of the orders its rows' views and caption, as `batches.mapping` gives them."""
        return batches.mapping(
            self._data,
            [self._rows[order] for order in orders],
            tokenise=self._tokenise,
            seed=self._seed,
            epoch=epoch,
            size=self._size,
            workers=self._workers,
        )

    def captions(self, rows: Rows, *, epoch: int) -> list[str]:
        """The captions of some of the rows to train on; no epoch differs."""
        return [self._data.captions[row] for row in self._rows[rows]]

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """The pictures that were held out, uint8 (B, 3, S, S)."""
        blocks = _blocks(self._held_out, batch)
        return batches.plain(self._data.pictures, blocks, size=self._size, workers=self._workers)


class LoadedTriplets:
    """Triplets of files, for every method.

    Validation asks the held-out triplets among the pictures that they name. Rows of the same reference and target are
    held out together, whatever their texts; rows to train on may name one of the two pictures, and the same picture
    under two names is two.
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
        """At least `validation` rows are held out, the same for a seed; raises ConfigError where none is left."""
        self._data = data
        pairs = data.references * len(data.pictures) + data.targets  # (N,)
        held_out, self._rows = _split(pairs, validation, seed=seed)
        named = np.concatenate([data.references[held_out], data.targets[held_out]])
        self._gallery, places = np.unique(named, return_inverse=True)
        references, targets = np.split(places, 2)  # (validation,) each, rows of the gallery
        self.questions = Questions(
            references=references,
            texts=texts([data.texts[row] for row in held_out]),
            relevant=list(targets[:, None]),
        )
        self._texts = texts
        self._captions = captions
        self._seed = seed
        self._size = size
        self._workers = workers

    def __len__(self) -> int:
        return len(self._rows)

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        """The rows of each global batch of an epoch."""
        return shuffled(len(self), batch=batch, seed=self._seed, epoch=epoch)

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[Batch]:
        """For each of the orders the `share` of its rows, as `batches.composing` gives them; no epoch differs."""
        return batches.composing(
            self._data,
            [self._rows[order] for order in orders],
            share=share,
            texts=self._texts,
            captions=self._captions,
            size=self._size,
            workers=self._workers,
        )

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """The pictures that the questions' rows name, uint8 (B, 3, S, S)."""
        blocks = _blocks(self._gallery, batch)
        return batches.plain(self._data.pictures, blocks, size=self._size, workers=self._workers)


def _split(kinds: Rows, validation: int, *, seed: int) -> tuple[Rows, Rows]:
    """Which rows are held out, and which are trained on, both ascending; those of one of `kinds` (N,) stay together.

    Kinds are drawn by lot until they have `validation` rows.
    """
    _, kind, sizes = np.unique(kinds, return_inverse=True, return_counts=True)
    lots = np.random.Generator(np.random.PCG64(seed)).permutation(len(sizes))
    drawn = lots[: int(np.searchsorted(sizes[lots].cumsum(), validation)) + 1]
    held_out = np.isin(kind, drawn)  # (N,)
    if held_out.all():
        raise ConfigError(f"data.validation holds out {validation} of {len(kinds)} rows: leave some to train on")
    return np.flatnonzero(held_out), np.flatnonzero(~held_out)


def _blocks(rows: Rows, batch: int) -> list[Rows]:
    return [rows[start : start + batch] for start in range(0, len(rows), batch)]
