"""Triplets of the drawn world, with all that satisfies each: what does not depend on how a net sees their pictures."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray

from models.arrays import Rows
from models.errors import ConfigError
from models.tokenizer import Template, Tokenizer
from training.catalogue import generated_texts
from training.catalogue.language import attribute_templates
from training.catalogue.triplets import Triplet, drift_targets, triplets
from training.catalogue.world.world import CATEGORIES, Product
from training.data import order
from training.data.config import DrawnTriplets
from training.methods.from_triplets import Questions

SHOP = 5_000  # products among which a triplet is sought


class DrawnQueries:
    """The triplets of a config: rows of the products, texts, known answers, and the order of an epoch."""

    def __init__(
        self,
        config: DrawnTriplets,
        train: Sequence[Product],
        val: Sequence[Product],
        *,
        tokenizer: Tokenizer,
        template: Template,
        seed: int,
    ) -> None:
        """Raises ConfigError where the products have fewer triplets than are asked for."""
        asked = chosen(train, config, seed=seed)
        row_of = {product.id: row for row, product in enumerate(train)}
        self.references = np.array([row_of[triplet.reference] for triplet in asked])  # (N,)
        self.targets = np.array([row_of[triplet.target] for triplet in asked])  # (N,)
        self._satisfying = [np.array([row_of[id] for id in triplet.satisfying]) for triplet in asked]
        self._texts = tokenizer.encode([triplet.text for triplet in asked], template=template).ids  # (N, L)
        self._end = tokenizer.end
        names = list(CATEGORIES)
        self._kinds = np.array([names.index(train[row].category) for row in self.targets])  # (N,)
        self._alike = config.alike
        self._seed = seed
        self.questions = _questions(val, config, tokenizer=tokenizer, template=template, seed=seed)

    def __len__(self) -> int:
        return len(self.references)

    def orders(self, *, batch: int, epoch: int) -> list[Rows]:
        """The rows of each global batch of an epoch."""
        return order.alike(self._kinds, share=self._alike, batch=batch, seed=self._seed, epoch=epoch)

    def known(self, rows: Rows, share: slice) -> dict[str, NDArray[np.generic]]:
        """Of the `share` of a global batch: `text` (b, L'), `picture` and `shown` (b,) and `satisfied` (b, M).

        `picture` numbers the references, `shown` the targets.
        """
        own = rows[share]
        satisfied = np.stack([np.isin(self.targets[rows], self._satisfying[row]) for row in own])
        satisfied[np.arange(len(own)), np.arange(len(rows))[share]] = False
        return {
            "text": self.cut(self._texts[own]),
            "picture": self.references[own],
            "shown": self.targets[own],
            "satisfied": satisfied,
        }

    def cut(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Token ids (b, L) without the columns that are padding in every row (b, L')."""
        return ids[:, : int((ids == self._end).argmax(axis=1).max()) + 1]


def chosen(products: Sequence[Product], config: DrawnTriplets, *, seed: int) -> list[Triplet]:
    """The config's triplets, each within SHOP products, in an order that makes the first of them a fair sample.

    Raises ConfigError where there are too few.
    """
    shops = [products[start : start + SHOP] for start in range(0, len(products), SHOP)]
    each = -(-config.triplets // len(shops))
    found: list[Triplet] = []
    for number, shop in enumerate(shops):
        sought = triplets(shop, each, seed=seed + number)
        if config.texts == "template":  # before any drift, which no word says
            sought = _retold(shop, sought)
        elif config.texts == "generated":
            sought = _generated(shop, sought, seed=seed)
        found += drift_targets(shop, sought, share=config.drift, seed=seed + number) if config.drift else sought
    Random(f"{seed}/order").shuffle(found)
    if len(found) < config.triplets:
        raise ConfigError(
            f"{len(products)} products have only {len(found)} triplets: lower data.triplets or raise data.products"
        )
    return found[: round(config.triplets * config.share)]


def _retold(shop: Sequence[Product], found: Sequence[Triplet]) -> list[Triplet]:
    """The triplets with texts from templates; what satisfies each stays as its own text had it."""
    product_of = {product.id: product for product in shop}
    return [
        replace(one, text=attribute_templates.text(product_of[one.reference], product_of[one.target], one.kinds))
        for one in found
    ]


def _generated(shop: Sequence[Product], found: Sequence[Triplet], *, seed: int) -> list[Triplet]:
    """The triplets with texts written from two captions; what else satisfies those is unknown."""
    product_of = {product.id: product for product in shop}
    pairs = [(product_of[one.reference], product_of[one.target]) for one in found]
    return [
        replace(one, text=generated_texts.text(*pair, seed=seed), satisfying=(one.target,))
        for one, pair in zip(found, pairs, strict=True)
    ]


def _questions(
    val: Sequence[Product], config: DrawnTriplets, *, tokenizer: Tokenizer, template: Template, seed: int
) -> Questions:
    asked = triplets(val, config.validation_triplets, seed=seed)
    row_of = {product.id: row for row, product in enumerate(val)}
    return Questions(
        references=np.array([row_of[triplet.reference] for triplet in asked]),
        texts=torch.from_numpy(tokenizer.encode([triplet.text for triplet in asked], template=template).ids),
        relevant=[np.array([row_of[id] for id in triplet.satisfying]) for triplet in asked],
    )
