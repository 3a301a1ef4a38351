"""Random training data, which nothing has to be downloaded for: images of noise, with texts of different lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
import torch

from models.arrays import Rows
from models.tokenizer import PLAIN, Template, Tokenizer
from training.data.batch import CaptionedBatch, TripletBatch

CHANGE = "is dark red instead of blue and has long sleeves with a pattern of small white dots"
CAPTION = "a woman in a long summer dress stands at the edge of a field of flowers"


@dataclass(frozen=True)
class Noise:
    """Triplets of random images, with texts of different lengths."""

    rows: int
    size: int  # S
    tokenizer: Tokenizer
    template: Template

    def __len__(self) -> int:
        return self.rows

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        return [np.arange(batch)]

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        for _ in orders:  # the first rows, since all are noise
            yield self.batch.rows(share)

    @cached_property
    def batch(self) -> TripletBatch:
        generator = torch.Generator().manual_seed(0)
        shape = (self.rows, 3, self.size, self.size)
        words = CHANGE.split()
        texts = [" ".join(words[: 4 + row % (len(words) - 3)]) for row in range(self.rows)]
        return TripletBatch(
            reference=torch.randint(256, shape, dtype=torch.uint8, generator=generator),
            target=torch.randint(256, shape, dtype=torch.uint8, generator=generator),
            text=torch.from_numpy(self.tokenizer.encode(texts, template=self.template).ids),
            caption=torch.from_numpy(self.tokenizer.encode([CAPTION] * self.rows, template=PLAIN).ids),
        )

    @property
    def validation_queries(self) -> NoReturn:
        raise AssertionError("a step does not validate")

    def gallery(self, *, batch: int) -> NoReturn:
        raise AssertionError("a step does not validate")


@dataclass(frozen=True)
class NoiseCaptions:
    """The same images and captions, without the triplets."""

    noise: Noise

    def __len__(self) -> int:
        return len(self.noise)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[CaptionedBatch]:
        for order in orders:
            triplets = self.noise.batch.rows(slice(len(order)))
            if triplets.caption is None:
                raise AssertionError("noise has captions")
            yield CaptionedBatch(reference=triplets.reference, target=triplets.target, caption=triplets.caption)

    def validation(self, *, batch: int) -> NoReturn:
        raise AssertionError("a step does not validate")
