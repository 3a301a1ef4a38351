"""The drawn world as data of the two-stage method: captioned pictures, and triplets with all that satisfies them."""

from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import ConfigError
from models.nets.two_stage import Reference, TwoStage
from models.tokenizer import Template, Tokenizer
from training.catalogue.triplets import Triplet, drifted, triplets
from training.catalogue.world import CATEGORIES, Product
from training.datasets.config import DrawnTriplets
from training.datasets.drawn_features import Features, Halves
from training.evaluation.metrics import Rows
from training.stages import order
from training.stages.composing import Questions

_SHOP = 5_000  # products among which a triplet is sought
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


class DrawnComposing:
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
        asked = _triplets(train.products, config, seed=seed)
        row_of = {product.id: row for row, product in enumerate(train.products)}
        self._references = np.array([row_of[triplet.reference] for triplet in asked])  # (N,)
        self._targets = np.array([row_of[triplet.target] for triplet in asked])  # (N,)
        self._satisfying = [np.array([row_of[id] for id in triplet.satisfying]) for triplet in asked]
        self._texts = tokenizer.encode([triplet.text for triplet in asked], template=template).ids  # (N, L)
        self._end = tokenizer.end
        names = list(CATEGORIES)
        self._kinds = np.array([names.index(train.products[row].category) for row in self._targets])  # (N,)
        self._alike = config.alike
        self._seed = seed
        self._states = train.states()
        self._captions = train.captions()
        used, self._places = np.unique(self._references, return_inverse=True)
        self._known = None if net is None else _known(net, self._states, used)
        self._gallery = val.states()
        self.questions = _questions(val, config, tokenizer=tokenizer, template=template, seed=seed)

    def __len__(self) -> int:
        return len(self._references)

    def orders(self, *, batch: int, epoch: int) -> list[Rows]:
        """The rows of each global batch of an epoch."""
        return order.alike(self._kinds, share=self._alike, batch=batch, seed=self._seed, epoch=epoch)

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[dict[str, Tensor]]:
        """What `Composing.embeddings` takes, pictures and captions as the frozen parts made of them."""
        for rows in orders:
            own = rows[share]
            references, targets = self._references[own], self._targets[own]
            satisfied = np.stack([np.isin(self._targets[rows], self._satisfying[row]) for row in own])  # (b, M)
            satisfied[np.arange(len(own)), np.arange(len(rows))[share]] = False
            batch = {
                "target": self._states[targets, 0],
                "caption": self._captions[references],
                "text": _cut(self._texts[own], self._end),
                "picture": references,
                "satisfied": satisfied,
            }
            if self._known is None:
                batch |= {"reference": self._states[references]}
            else:
                words, regions = self._known
                batch |= {"reference": self._states[references, 0]}
                batch |= {"word": words[self._places[own]], "regions": regions[self._places[own]]}
            yield {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in batch.items()}

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """Image states of the val split."""
        yield from _blocks(self._gallery, batch)


def _triplets(products: Sequence[Product], config: DrawnTriplets, *, seed: int) -> list[Triplet]:
    """The config's triplets, in an order that makes the first of them a fair sample; raises ConfigError for too few."""
    shops = [products[start : start + _SHOP] for start in range(0, len(products), _SHOP)]
    each = -(-config.triplets // len(shops))
    found: list[Triplet] = []
    for number, shop in enumerate(shops):
        sought = triplets(shop, each, seed=seed + number)
        found += drifted(shop, sought, share=config.drift, seed=seed + number) if config.drift else sought
    Random(f"{seed}/order").shuffle(found)
    if len(found) < config.triplets:
        raise ConfigError(
            f"{len(products)} products have only {len(found)} triplets: lower data.triplets or raise data.products"
        )
    return found[: round(config.triplets * config.share)]


def _questions(
    val: Features, config: DrawnTriplets, *, tokenizer: Tokenizer, template: Template, seed: int
) -> Questions:
    asked = triplets(val.products, config.validation_triplets, seed=seed)
    row_of = {product.id: row for row, product in enumerate(val.products)}
    return Questions(
        references=np.array([row_of[triplet.reference] for triplet in asked]),
        texts=torch.from_numpy(tokenizer.encode([triplet.text for triplet in asked], template=template).ids),
        relevant=[np.array([row_of[id] for id in triplet.satisfying]) for triplet in asked],
    )


@torch.no_grad()
def _known(net: TwoStage, states: Halves, used: Rows) -> tuple[Halves, Halves]:
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


def _cut(ids: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """Token ids without the columns that are padding in every row."""
    return ids[:, : int((ids == end).argmax(axis=1).max()) + 1]
