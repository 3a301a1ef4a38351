"""Load batches from files: images are read, decoded and cropped in other processes, texts are tokenised here."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from training.data import decode
from training.data.batch import CaptionedBatch, TripletBatch
from training.data.images import Images
from training.data.processes import in_order
from training.data.rows import Captioned, Triplets

Tokenise = Callable[[list[str]], Tensor]  # texts → ids int64 (B, L)


def captioned(
    data: Captioned, orders: Sequence[Rows], *, tokenise: Tokenise, seed: int, epoch: int, size: int, workers: int
) -> Iterator[CaptionedBatch]:
    """Yield two views of each image, uint8 (B, 3, S, S), and its caption, int64 (B, L).

    The views of a row depend on seed, epoch and row alone: not on its batch, the rank or the number of processes.
    Raises InputError with the name of the image if one is broken.
    """
    view = partial(decode.viewed, seed=seed, epoch=epoch, size=size)
    tasks = (partial(view, data.images.take(rows), rows) for rows in _chunks(orders))
    loaded = in_order(tasks, workers=workers)
    for order in orders:
        references, targets = zip(*(next(loaded) for _ in _chunks([order])), strict=True)
        yield CaptionedBatch(
            reference=torch.from_numpy(np.concatenate(references)),
            target=torch.from_numpy(np.concatenate(targets)),
            caption=tokenise([data.captions[row] for row in order]),
        )


def triplets(
    data: Triplets,
    orders: Sequence[Rows],
    *,
    share: slice,
    texts: Tokenise,
    captions: Tokenise,
    size: int,
    workers: int,
) -> Iterator[TripletBatch]:
    """Yield the `share` of each global batch, its images uint8 (b, 3, S, S), preprocessed as in serving.

    `satisfied` marks the other rows with the same target image: files know no more. Raises InputError with the name of
    the image if one is broken.
    """
    owns = [order[share] for order in orders]
    both = [np.concatenate([data.references[own], data.targets[own]]) for own in owns]
    loaded = plain(data.images, both, size=size, workers=workers)
    for order, own, pixels in zip(orders, owns, loaded, strict=True):
        satisfied = data.targets[own][:, None] == data.targets[order]  # (b, M)
        satisfied[np.arange(len(own)), np.arange(len(order))[share]] = False  # its own target
        yield TripletBatch(
            reference=pixels[: len(own)],
            target=pixels[len(own) :],
            text=texts([data.texts[row] for row in own]),
            caption=captions([data.captions[row] for row in own]),
            target_caption=captions([data.target_captions[row] for row in own]),
            reference_row=torch.from_numpy(data.references[own]),
            target_row=torch.from_numpy(data.targets[own]),
            satisfied=torch.from_numpy(satisfied),
        )


def plain(images: Images, orders: Sequence[Rows], *, size: int, workers: int) -> Iterator[Tensor]:
    """Yield the images of each order as in serving, uint8 (B, 3, S, S); raises InputError if one is broken."""
    tasks = (partial(decode.plain, images.take(rows), size=size) for rows in _chunks(orders))
    loaded = in_order(tasks, workers=workers)
    for order in orders:
        yield torch.from_numpy(np.concatenate([next(loaded) for _ in _chunks([order])]))


def _chunks(orders: Sequence[Rows]) -> Iterator[Rows]:
    """Cut the orders into chunks, so that no process waits while another decodes a whole batch."""
    for order in orders:
        yield from (order[start : start + decode.ROWS] for start in range(0, len(order), decode.ROWS))
