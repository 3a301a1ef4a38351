"""The drawn world as data of the two-stage method: captioned pictures, and triplets with all that satisfies them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from models.nets.two_stage import Reference, TwoStage
from models.tokenizer import Template, Tokenizer
from training.data.config import DrawnTriplets
from training.data.drawn.features import Features, Halves
from training.data.drawn.triplets import DrawnQueries

_BLOCK = 256


class DrawnMapping:
    """Captioned pictures, seen by the frozen towers beforehand; the epochs take turns with `views` pairs of views."""

    def __init__(self, train: Features, val: Features, *, views: int) -> None:
        self._captions = train.captions()
        self._references = [train.reference_views(number) for number in range(views)]
        self._targets = [train.target_views(number) for number in range(views)]
        self._validation = val.states()

    def __len__(self) -> int:
        return len(self._captions)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[dict[str, Tensor]]:
        """`reference` (b, 1+N, d), `target` and `caption` (b, d), all half."""
        view = epoch % len(self._references)
        for rows in orders:
            yield {
                "reference": torch.from_numpy(self._references[view][rows]),
                "target": torch.from_numpy(self._targets[view][rows]),
                "caption": torch.from_numpy(self._captions[rows]),
            }

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Image states of the val split."""
        yield from _blocks(self._validation, batch)


class DrawnComposing(DrawnQueries):
    """Triplets whose pictures the frozen towers have seen beforehand, and the frozen mapping modules too."""

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
        """With a `net`, its token learner, patch map and injections are frozen, so their work is done here once."""
        super().__init__(config, train.products, val.products, tokenizer=tokenizer, template=template, seed=seed)
        self._states = train.states()
        self._captions = train.captions()
        used, self._places = np.unique(self.references, return_inverse=True)
        self._mapped = None if net is None else _mapped(net, self._states, used)
        self._gallery = val.states()

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[dict[str, Tensor]]:
        """What `Composing.embeddings` takes, pictures and captions as the frozen parts made of them."""
        for rows in orders:
            own = rows[share]
            references, targets = self.references[own], self.targets[own]
            batch = self.known(rows, share)
            batch |= {"target": self._states[targets, 0], "caption": self._captions[references]}
            if self._mapped is None:
                batch |= {"reference": self._states[references]}
            else:
                words, regions = self._mapped
                batch |= {"reference": self._states[references, 0]}
                batch |= {"word": words[self._places[own]], "regions": regions[self._places[own]]}
            yield {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in batch.items()}

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """Image states of the val split."""
        yield from _blocks(self._gallery, batch)


@torch.no_grad()
def _mapped(net: TwoStage, states: Halves, used: Rows) -> tuple[Halves, Halves]:
    """Words (U, D) and regions (U, K, patches, r) of the `used` pictures, as precise as the `Features`."""
    net.eval()
    device = net.backbone.mean.device
    words, regions = [], []
    for start in range(0, len(used), _BLOCK):
        block = torch.from_numpy(states[used[start : start + _BLOCK]])
        with torch.autocast(device.type, torch.bfloat16):
            found: Reference = net.reference(block.to(device).float())
        words.append(found.word.half().cpu().numpy())
        regions.append(found.regions.half().cpu().numpy())
    return np.concatenate(words), np.concatenate(regions)


def _blocks(states: Halves, size: int) -> Iterator[Tensor]:
    for start in range(0, len(states), size):
        yield torch.from_numpy(np.array(states[start : start + size]))
