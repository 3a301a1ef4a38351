"""Batches from files: pictures read, decoded and cut in processes of their own, words tokenised beside them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from training.datasets import pieces
from training.datasets.pictures import Pictures
from training.datasets.processes import in_order
from training.datasets.rows import Captioned, Triplets
from training.evaluation.metrics import Rows

Batch = dict[str, Tensor]
Tokenise = Callable[[list[str]], Tensor]  # texts → ids int64 (B, L)


def mapping(
    data: Captioned, orders: Sequence[Rows], *, tokenise: Tokenise, seed: int, epoch: int, size: int, workers: int
) -> Iterator[Batch]:
    """The batches of the mapping stage: reference and target uint8 (B, 3, S, S), caption int64 (B, L).

    The views of a row depend on seed, epoch and row alone: not on its batch, the rank or the number of processes.
    Raises InputError that names the picture where one turns out broken.
    """
    view = partial(pieces.viewed, seed=seed, epoch=epoch, size=size)
    tasks = (partial(view, data.pictures.take(rows), rows) for rows in _pieces(orders))
    loaded = in_order(tasks, workers=workers)
    for order in orders:
        references, targets = zip(*(next(loaded) for _ in _pieces([order])), strict=True)
        yield {
            "reference": torch.from_numpy(np.concatenate(references)),
            "target": torch.from_numpy(np.concatenate(targets)),
            "caption": tokenise([data.captions[row] for row in order]),
        }


def composing(
    data: Triplets, orders: Sequence[Rows], *, texts: Tokenise, captions: Tokenise, size: int, workers: int
) -> Iterator[Batch]:
    """The batches of the composing stage: reference and target uint8 (B, 3, S, S), text and caption int64 (B, L).

    `picture` (B,) numbers the references. Pictures are preprocessed as in serving. Raises InputError that names the
    picture where one turns out broken.
    """
    both = [np.concatenate([data.references[order], data.targets[order]]) for order in orders]
    for order, pixels in zip(orders, plain(data.pictures, both, size=size, workers=workers), strict=True):
        yield {
            "reference": pixels[: len(order)],
            "target": pixels[len(order) :],
            "picture": torch.from_numpy(data.references[order]),
            "text": texts([data.texts[row] for row in order]),
            "caption": captions([data.captions[row] for row in order]),
        }


def plain(pictures: Pictures, orders: Sequence[Rows], *, size: int, workers: int) -> Iterator[Tensor]:
    """For each of the orders its pictures as in serving, uint8 (B, 3, S, S); raises InputError for a broken one."""
    tasks = (partial(pieces.plain, pictures.take(rows), size=size) for rows in _pieces(orders))
    loaded = in_order(tasks, workers=workers)
    for order in orders:
        yield torch.from_numpy(np.concatenate([next(loaded) for _ in _pieces([order])]))


def _pieces(orders: Sequence[Rows]) -> Iterator[Rows]:
    """The orders one after the other in pieces, so that no process waits for a whole batch of another."""
    for order in orders:
        yield from (order[start : start + pieces.ROWS] for start in range(0, len(order), pieces.ROWS))
