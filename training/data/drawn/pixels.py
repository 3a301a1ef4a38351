"""Triplets of the drawn world as pixels, for a net whose image tower learns."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from models.arrays import Rows
from models.tokenizer import Template, Tokenizer
from training.catalogue.triplets import Facts
from training.data.batch import TripletBatch
from training.data.config import DrawnTriplets
from training.data.drawn import images
from training.data.drawn.features import blocks
from training.data.drawn.triplets import DrawnTripletRows, tensor


class DrawnPixelTriplets(DrawnTripletRows):
    """Triplets with their images, which are drawn once and memory-mapped for every run."""

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
        """`size` is the side of the pixels; with `captions` each batch has its `target_caption`.

        Raises ConfigError if there are too few triplets.
        """
        train, val = (
            images.products(count, split=split, seed=seed)
            for split, count in (("train", config.products), ("val", config.validation_products))
        )
        super().__init__(config, train, val, tokenizer=tokenizer, template=template, seed=seed)
        self._train = train
        self._captions = None
        if captions:
            self._phrases = images.captions(
                train,
                seed=seed,
                epoch=0,
                phrasebooks=config.phrasebooks,
                spoken=config.spoken,
                misspelt=config.misspelt,
            )
            self._captions = tokenizer.encode([phrase.text for phrase in self._phrases]).ids  # (products, L)
        self._pixels = images.pixels(len(train), split="train", seed=seed, size=size, cache=cache)
        self._gallery = images.pixels(len(val), split="val", seed=seed, size=size, cache=cache)

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        """Yield the `share` of each order, with images as pixels uint8 (b, 3, S, S)."""
        for rows in orders:
            references, targets = self.references[rows[share]], self.targets[rows[share]]
            batch = self.batch(rows, share, reference=self._pixels[references], target=self._pixels[targets])
            if self._captions is not None:
                caption = tensor(self.cut(self._captions[targets]))
                batch = replace(batch, target_caption=caption, described=self._described(rows, share))
            yield batch

    def _described(self, rows: Rows, share: slice) -> Tensor:
        """Return which other targets of a global batch the captions of its share describe too, bool (b, M)."""
        targets = self.targets[rows]  # (M,)
        facts = Facts([self._train[row] for row in targets])
        described = np.stack([facts.accepted(self._phrases[row].wish) for row in targets[share]])  # (b, M)
        described[np.arange(len(described)), np.arange(len(rows))[share]] = False
        return tensor(described)

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """Yield the images of the val split, uint8 (B, 3, S, S)."""
        return blocks(self._gallery, batch)
