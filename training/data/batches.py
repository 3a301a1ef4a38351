"""Batches from files: pictures read, decoded and cut in processes of their own, words tokenised beside them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from training.data import decode
from training.data.images import Images
from training.data.processes import in_order
from training.data.rows import Captioned, Triplets

Batch = dict[str, Tensor]
Tokenise = Callable[[list[str]], Tensor]  # texts → ids int64 (B, L)


def mapping(
    data: Captioned, orders: Sequence[Rows], *, tokenise: Tokenise, seed: int, epoch: int, size: int, workers: int
) -> Iterator[Batch]:
    """The batches of the mapping stage: reference and target uint8 (B, 3, S, S), caption int64 (B, L).

    The views of a row depend on seed, epoch and row alone: not on its batch, the rank or the number of processes.
    Raises InputError that names the picture where one turns out broken.
    """
    view = partial(decode.viewed, seed=seed, epoch=epoch, size=size)
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
    data: Triplets,
    orders: Sequence[Rows],
    *,
    share: slice,
    texts: Tokenise,
    captions: Tokenise,
    size: int,
    workers: int,
) -> Iterator[Batch]:
    """The `share` of each global batch of M: reference and target uint8 (b, 3, S, S), their captions and text (b, L).

    `picture` (b,) numbers the references, `shown` (b,) the targets; `satisfied` (b, M) marks the other rows whose
    target is the same picture, all that files know. Pictures are preprocessed as in serving. Raises InputError that
    names the picture where one turns out broken.
    """
    owns = [order[share] for order in orders]
    both = [np.concatenate([data.references[own], data.targets[own]]) for own in owns]
    loaded = plain(data.pictures, both, size=size, workers=workers)
    for order, own, pixels in zip(orders, owns, loaded, strict=True):
        satisfied = data.targets[own][:, None] == data.targets[order]  # (b, M)
        satisfied[np.arange(len(own)), np.arange(len(order))[share]] = False  # its own target
        yield {
            "reference": pixels[: len(own)],
            "target": pixels[len(own) :],
            "picture": torch.from_numpy(data.references[own]),
            "shown": torch.from_numpy(data.targets[own]),
            "satisfied": torch.from_numpy(satisfied),
            "text": texts([data.texts[row] for row in own]),
            "caption": captions([data.captions[row] for row in own]),
            "target_caption": captions([data.target_captions[row] for row in own]),
        }


def plain(pictures: Images, orders: Sequence[Rows], *, size: int, workers: int) -> Iterator[Tensor]:
    """For each of the orders its pictures as in serving, uint8 (B, 3, S, S); raises InputError for a broken one."""
    tasks = (partial(decode.plain, pictures.take(rows), size=size) for rows in _pieces(orders))
    loaded = in_order(tasks, workers=workers)
    for order in orders:
        yield torch.from_numpy(np.concatenate([next(loaded) for _ in _pieces([order])]))


def _pieces(orders: Sequence[Rows]) -> Iterator[Rows]:
    """The orders one after the other in pieces, so that no process waits for a whole batch of another."""
    for order in orders:
        yield from (order[start : start + decode.ROWS] for start in range(0, len(order), decode.ROWS))
