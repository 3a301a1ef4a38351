"""Captioned images and triplets of the drawn world, as outputs of the frozen towers that are computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from models.nets.two_stage import Reference, TwoStage
from models.tokenizer import Template, Tokenizer
from training.data.batch import CaptionedBatch, TripletBatch
from training.data.config import DrawnTriplets
from training.data.drawn.features import Features, Halves, blocks
from training.data.drawn.triplets import DrawnTripletRows, tensor

_BLOCK = 256


class DrawnCaptioned:
    """Captioned images; the epochs take turns with `views` pairs of views."""

    def __init__(self, train: Features, val: Features, *, views: int) -> None:
        self._captions = train.captions()
        self._references = [train.reference_views(number) for number in range(views)]
        self._targets = [train.target_views(number) for number in range(views)]
        self._validation = val.states()

    def __len__(self) -> int:
        return len(self._captions)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[CaptionedBatch]:
        """Yield reference states (b, 1+N, d), target and caption embeddings (b, d), all half."""
        view = epoch % len(self._references)
        for rows in orders:
            yield CaptionedBatch(
                reference=torch.from_numpy(self._references[view][rows]),
                target=torch.from_numpy(self._targets[view][rows]),
                caption=torch.from_numpy(self._captions[rows]),
            )

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield image states of the val split."""
        return blocks(self._validation, batch)


class DrawnStateTriplets(DrawnTripletRows):
    """Triplets whose images went through the frozen image tower beforehand, and through frozen mapping modules too."""

    def __init__(
        self,
        config: DrawnTriplets,
        train: Features,
        val: Features,
        *,
        tokenizer: Tokenizer,
        template: Template,
        seed: int,
        net: TwoStage | None,
    ) -> None:
        """With a `net`, its token learner, patch map and injections are frozen, so their outputs are computed here."""
        super().__init__(config, train.products, val.products, tokenizer=tokenizer, template=template, seed=seed)
        self._states = train.states()
        self._captions = train.captions()
        used, self._mapped_rows = np.unique(self.references, return_inverse=True)
        self._mapped = None if net is None else _mapped(net, self._states, used)
        self._gallery = val.states()

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        """Yield the `share` of each order; images and captions are outputs of the frozen parts."""
        for rows in orders:
            own = rows[share]
            references, targets = self.references[own], self.targets[own]
            states = self._states[references] if self._mapped is None else self._states[references, 0]
            batch = self.batch(rows, share, reference=states, target=self._states[targets, 0])
            batch = replace(batch, caption=tensor(self._captions[references]))
            if self._mapped is not None:
                words, regions = self._mapped
                mapped = self._mapped_rows[own]
                batch = replace(batch, word=tensor(words[mapped]), regions=tensor(regions[mapped]))
            yield batch

    def shop_gallery(self, number: int) -> Tensor:
        """Return embeddings of all products of a shop (S, d), half, at their own length."""
        return tensor(self._states[self.shop_rows(number), 0])

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """Yield image states of the val split."""
        return blocks(self._gallery, batch)


@torch.no_grad()
def _mapped(net: TwoStage, states: Halves, used: Rows) -> tuple[Halves, Halves]:
    """Return words (U, D) and regions (U, K, N, r) of the `used` images, as precise as the `Features`."""
    net.eval()
    device = net.backbone.mean.device
    words, regions = [], []
    for start in range(0, len(used), _BLOCK):
        block = torch.from_numpy(states[used[start : start + _BLOCK]])
        with torch.autocast(device.type, torch.bfloat16):
            reference: Reference = net.reference(block.to(device).float())
        words.append(reference.word.half().cpu().numpy())
        regions.append(reference.regions.half().cpu().numpy())
    return np.concatenate(words), np.concatenate(regions)
