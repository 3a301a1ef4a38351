"""A handful of triplets of random pictures, as a stage reads them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from tests.models import tiny
from training.data.batch import TripletBatch
from training.data.datasets import ValidationQueries

END = 3
ROWS = 6


class Triplets:
    """Each target is the next picture; three words each, then padding."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(5)
        size = (ROWS, 3, tiny.SIZE, tiny.SIZE)
        self.pictures = torch.randint(0, 256, size, dtype=torch.uint8, generator=draw)
        self.texts = torch.randint(4, 20, (ROWS, 5), generator=draw)
        self.texts[:, 0], self.texts[:, 3:] = 2, END
        self.satisfied = torch.zeros(ROWS, ROWS, dtype=torch.bool)
        self.satisfied[0, 2] = self.satisfied[4, 1] = True
        relevant = [np.array([(row + 1) % ROWS]) for row in range(ROWS)]
        self.validation_queries = ValidationQueries(np.arange(ROWS), self.texts, relevant)

    def __len__(self) -> int:
        return ROWS

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        return list(np.arange(ROWS).reshape(-1, batch))

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        for order in orders:
            rows = torch.from_numpy(order[share])
            yield TripletBatch(
                reference=self.pictures[rows],
                target=self.pictures.roll(-1, 0)[rows],
                target_caption=self.texts.roll(-2, 0)[rows],
                text=self.texts[rows],
                target_row=(rows + 1) % ROWS,
                satisfied=self.satisfied[rows][:, order],
            )

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        yield from self.pictures.split(4)
