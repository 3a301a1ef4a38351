"""Pieces of a batch: pictures read, decoded and cut. Without torch, so that processes for it start at once."""

from random import Random

import numpy as np

from models import preprocess
from models.arrays import Pixels, Rows
from training.data.images import Images
from training.data.views import views

ROWS = 64  # of a piece: what a process decodes before it hands it over


def plain(pictures: Images, *, size: int) -> Pixels:
    """The pictures as in serving, (B, 3, S, S); raises InputError that names a broken one."""
    return np.stack([preprocess.pixels(pictures.decode(row, side=size), size=size) for row in range(len(pictures))])


def viewed(pictures: Images, rows: Rows, *, seed: int, epoch: int, size: int) -> tuple[Pixels, Pixels]:
    """The reference and the target views of the pictures, (B, 3, S, S) each; `rows` are their numbers in the source.

    Raises InputError that names a broken one.
    """
    pairs = [
        views(pictures.decode(place), size=size, random=Random(f"{seed}/view/{epoch}/{row}"))
        for place, row in enumerate(rows.tolist())
    ]
    references, targets = zip(*pairs, strict=True)
    return np.stack(references), np.stack(targets)
