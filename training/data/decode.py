"""Read, decode and crop images. Imports no torch, so that loader processes start quickly."""

from random import Random

import numpy as np

from models.arrays import Pixels, Rows
from models.preprocess import Resize
from training.data.images import Images
from training.data.views import views

ROWS = 64  # of a chunk: what a process decodes before it returns them


def plain(images: Images, *, size: int) -> Pixels:
    """Return the images as in serving, (B, 3, S, S); raises InputError with the name of the image if one is broken."""
    return np.stack([images.pixels(row, Resize(size)) for row in range(len(images))])


def viewed(images: Images, rows: Rows, *, seed: int, epoch: int, size: int) -> tuple[Pixels, Pixels]:
    """Return the reference and the target views, (B, 3, S, S) each; `rows` are the images' numbers in the source.

    Raises InputError with the name of the image if one is broken.
    """
    pairs = [
        views(images.decode(index), size=size, random=Random(f"{seed}/view/{epoch}/{row}"))
        for index, row in enumerate(rows.tolist())
    ]
    references, targets = zip(*pairs, strict=True)
    return np.stack(references), np.stack(targets)
