"""Triplets of a shop whose images went through the frozen image tower, for the stages of the two-stage method."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows, TokenIds
from models.errors import ConfigError
from models.tokenizer import Template, Tokenizer
from training.data import order
from training.data.batch import TripletBatch
from training.data.datasets import ValidationQueries
from training.data.shop.looks import FAR, Looks
from training.data.shop.products import ShopProduct, of_split
from training.data.shop.states import ImageStates
from training.data.shop.triplets import ShopTriplet, draw

GRADES = 4  # of the products that have what a text asks for: by 0, 1, 2, or more unsaid attributes that differ


class ShopStateTriplets:
    """Triplets of the products of one shop, with all products that satisfy each."""

    def __init__(
        self,
        products: Sequence[ShopProduct],
        states: ImageStates,
        *,
        triplets: int,
        validation_triplets: int,
        tokenizer: Tokenizer,
        template: Template,
        seed: int,
    ) -> None:
        """Raises ConfigError if the products have fewer triplets than wanted, and InputError for a broken image."""
        train, val = of_split(products, "train"), of_split(products, "validation")
        paths = [product.image for product in (*train, *val)]
        states.add(paths)
        rows = states.rows(paths)
        self._rows, self._gallery_rows = rows[: len(train)], rows[len(train) :]
        self._states = states.states
        self._looks = Looks(train)
        self._triplets = draw(train, self._looks, triplets, seed=seed, wording="train")
        if len(self._triplets) < triplets:
            raise ConfigError(
                f"{len(train)} products have only {len(self._triplets)} triplets: ask for fewer than {triplets}"
            )
        self._texts = tokenizer.encode([each.text for each in self._triplets], template=template).ids  # (N, L)
        self._end = tokenizer.end
        self._seed = seed
        self._shop = torch.from_numpy(np.array(self._states[self._rows, 0]))  # (S, d)
        looks = Looks(val)
        queries = draw(val, looks, validation_triplets, seed=seed, wording="validation")
        if not queries:
            raise ConfigError(f"{len(val)} products of validation have no triplet: name more products")
        self.validation_queries = ValidationQueries(
            references=np.array([each.reference for each in queries]),
            texts=torch.from_numpy(tokenizer.encode([each.text for each in queries], template=template).ids),
            relevant=[satisfying(looks, each) for each in queries],
        )

    def __len__(self) -> int:
        return len(self._triplets)

    def orders(self, *, batch: int, epoch: int) -> Sequence[Rows]:
        """Return the rows of each global batch of an epoch."""
        return order.shuffled(len(self), batch=batch, seed=self._seed, epoch=epoch)

    def batches(self, orders: Sequence[Rows], *, epoch: int, share: slice) -> Iterator[TripletBatch]:
        """Yield the `share` of each order; images are states of the references and embeddings of the targets, half."""
        for rows in orders:
            targets = np.array([self._triplets[row].target for row in rows])  # (M,)
            own = [self._triplets[row] for row in rows[share]]
            references = np.array([each.reference for each in own])  # (b,)
            misses = np.stack([self._looks.misses(wanted=each.wanted, said=each.said) for each in own])  # (b, S)
            satisfied = misses[:, targets] == 0  # (b, M)
            satisfied[np.arange(len(own)), np.arange(len(rows))[share]] = False
            grades = np.where(misses < FAR, misses.clip(max=GRADES - 1), GRADES)
            yield TripletBatch(
                reference=torch.from_numpy(np.array(self._states[self._rows[references]])),
                target=self._shop[targets[share]],
                text=torch.from_numpy(self._cut(self._texts[rows[share]])),
                reference_row=torch.from_numpy(references),
                target_row=torch.from_numpy(targets[share]),
                satisfied=torch.from_numpy(satisfied),
                shop=torch.zeros(len(own), dtype=torch.int64),
                grades=torch.from_numpy(grades.astype(np.int16)),
            )

    def shop_gallery(self, number: int) -> Tensor:
        """Return embeddings of the products to train on (S, d), half, at their own length; there is one shop, 0."""
        return self._shop

    def gallery(self, *, batch: int) -> Iterator[Tensor]:
        """Yield image states of the products of validation."""
        for start in range(0, len(self._gallery_rows), batch):
            yield torch.from_numpy(np.array(self._states[self._gallery_rows[start : start + batch]]))

    def _cut(self, ids: TokenIds) -> TokenIds:
        """Return token ids (b, L) without the columns that are padding in every row (b, L')."""
        return ids[:, : int((ids == self._end).argmax(axis=1).max()) + 1]


def satisfying(looks: Looks, triplet: ShopTriplet) -> Rows:
    """Return the rows of all products that satisfy a triplet's text, without its reference."""
    fine = looks.misses(wanted=triplet.wanted, said=triplet.said) == 0
    fine[triplet.reference] = False
    return np.flatnonzero(fine).astype(np.int64)
