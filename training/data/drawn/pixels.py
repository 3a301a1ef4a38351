"""Triplets of the drawn world as pixels, for a net whose image tower learns."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from models.tokenizer import Template, Tokenizer
from training.data.config import DrawnTriplets
from training.data.drawn import images
from training.data.drawn.triplets import DrawnQueries


class DrawnReformulating(DrawnQueries):
    """Triplets with their pictures, which are drawn once and memory-mapped for every run."""

    def __init__(
        self,
        config: DrawnTriplets,
        *,
        tokenizer: Tokenizer,
        template: Template,
        seed: int,
        size: int,
        cache: Path,
        captions: bool = False,
    ) -> None:
        """`size` is the side of the pixels; with `captions` each target comes with one.

        Raises ConfigError where there are too few triplets.
        """
        train, val = (
            images.products(count, split=split, seed=seed)
            for split, count in (("train", config.products), ("val", config.validation_products))
        )
        super().__init__(config, train, val, tokenizer=tokenizer, template=template, seed=seed)
        self._captions = None
        if captions:
            texts = [phrase.text for phrase in images.captions(train, seed=seed, epoch=0)]
            self._captions = tokenizer.encode(texts).ids  # (products, L)
        self._pixels = images.pictures(len(train), split="train", seed=seed, size=size, cache=cache)
        self._gallery = images.pictures(len(val), split="val", seed=seed, size=size, cache=cache)

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[dict[str, Tensor]]:
        """`reference` and `target` uint8 (b, 3, S, S), what `known` has, and with captions `target_caption` (b, L')."""
        for rows in orders:
            own = rows[share]
            pictures = {
                "reference": self._pixels[self.references[own]],
                "target": self._pixels[self.targets[own]],
            }
            batch = pictures | self.known(rows, share)
            if self._captions is not None:
                batch["target_caption"] = self.cut(self._captions[self.targets[own]])
            yield {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in batch.items()}

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """The pictures of the val split, uint8 (B, 3, S, S)."""
        for start in range(0, len(self._gallery), batch):
            yield torch.from_numpy(np.array(self._gallery[start : start + batch]))
