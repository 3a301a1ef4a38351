"""Data that no one has to download: random pictures, with words of different lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from models.tokenizer import PLAIN, Template, Tokenizer

CHANGE = "is dark red instead of blue and has long sleeves with a pattern of small white dots"
CAPTION = "a woman in a long summer dress stands at the edge of a field of flowers"


@dataclass(frozen=True)
class Noise:
    """Random pictures with words of different lengths, captioned or as triplets, as the stages read them."""

    rows: int
    size: int  # S
    tokenizer: Tokenizer
    template: Template

    def __len__(self) -> int:
        return self.rows

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        return [np.arange(batch)]

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice = slice(None)) -> Iterator[dict[str, Tensor]]:
        for order in orders:
            yield {name: tensor[order[share]] for name, tensor in self._batch.items()}

    @cached_property
    def _batch(self) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape = (self.rows, 3, self.size, self.size)
        words = CHANGE.split()
        texts = [" ".join(words[: 4 + row % (len(words) - 3)]) for row in range(self.rows)]
        return {
            "reference": torch.randint(256, shape, dtype=torch.uint8, generator=generator),
            "target": torch.randint(256, shape, dtype=torch.uint8, generator=generator),
            "text": torch.from_numpy(self.tokenizer.encode(texts, template=self.template).ids),
            "caption": torch.from_numpy(self.tokenizer.encode([CAPTION] * self.rows, template=PLAIN).ids),
        }

    def validation(self, *, batch: int) -> NoReturn:
        raise AssertionError("a step does not validate")

    @property
    def questions(self) -> NoReturn:
        raise AssertionError("a step does not validate")

    def gallery(self, *, batch: int) -> NoReturn:
        raise AssertionError("a step does not validate")
