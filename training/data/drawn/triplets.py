"""Triplets of the drawn world with all products that satisfy each, whatever form their images have."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.arrays import Rows, TokenIds
from models.errors import ConfigError
from models.tokenizer import Template, Tokenizer
from training.catalogue import generated_texts
from training.catalogue.language import attribute_templates, phrasebook
from training.catalogue.language.modification import Modification, towards
from training.catalogue.language.spelling import as_typed
from training.catalogue.language.spoken import spoken
from training.catalogue.triplets import FAR, Facts, Triplet, Writer, drift_targets, triplets
from training.catalogue.world.world import CATEGORIES, Product
from training.data import order
from training.data.batch import TripletBatch
from training.data.config import DrawnTriplets
from training.data.datasets import ValidationQueries
from training.data.processes import in_order

GRADES = 4  # of the products that have what a text asks for: by 0, 1, 2, or more unsaid attributes that differ
SHOP = 5_000  # products of one shop, among which the answers of a triplet are known
_FEW = 50_000  # triplets that one process writes within half a minute, about as fast as others would start


class DrawnTripletRows:
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
        """Raises ConfigError if the products have fewer triplets than the config says."""
        chosen = choose(train, config, seed=seed)
        row_of = {product.id: row for row, product in enumerate(train)}
        self.references = np.array([row_of[triplet.reference] for triplet in chosen])  # (N,)
        self.targets = np.array([row_of[triplet.target] for triplet in chosen])  # (N,)
        self._satisfying = [np.array([row_of[id] for id in triplet.satisfying]) for triplet in chosen]
        if config.one_shop:
            self._wishes = [triplet.wish for triplet in chosen]
            self._facts = [Facts(train[start : start + SHOP]) for start in range(0, len(train), SHOP)]
        self._texts = tokenizer.encode([triplet.text for triplet in chosen], template=template).ids  # (N, L)
        self._end = tokenizer.end
        names = list(CATEGORIES)
        self._kinds = np.array([names.index(train[row].category) for row in self.targets])  # (N,)
        self._alike = config.alike
        self._one_shop = config.one_shop
        self._products = len(train)
        self._seed = seed
        self.validation_queries = _validation_queries(val, config, tokenizer=tokenizer, template=template, seed=seed)

    def __len__(self) -> int:
        return len(self.references)

    def orders(self, *, batch: int, epoch: int) -> list[Rows]:
        """Return the rows of each global batch of an epoch."""
        if self._one_shop:
            return order.within(self.targets // SHOP, batch=batch, seed=self._seed, epoch=epoch)
        return order.alike(self._kinds, share=self._alike, batch=batch, seed=self._seed, epoch=epoch)

    def batch(
        self, rows: Rows, share: slice, *, reference: NDArray[np.generic], target: NDArray[np.generic]
    ) -> TripletBatch:
        """Return the `share` of a global batch; `reference` and `target` are its images (b, …), as the net reads them.

        All optional fields but `reference_row`, `target_row` and `satisfied` are None.
        """
        own = rows[share]
        satisfied = np.stack([np.isin(self.targets[rows], self._satisfying[row]) for row in own])  # (b, M)
        satisfied[np.arange(len(own)), np.arange(len(rows))[share]] = False
        found = TripletBatch(
            reference=tensor(reference),
            target=tensor(target),
            text=tensor(self.cut(self._texts[own])),
            reference_row=tensor(self.references[own]),
            target_row=tensor(self.targets[own]),
            satisfied=tensor(satisfied),
        )
        return self._with_grades(found, own) if self._one_shop else found

    def shop_rows(self, number: int) -> slice:
        """Return the products of a shop."""
        return slice(number * SHOP, min((number + 1) * SHOP, self._products))

    def _with_grades(self, batch: TripletBatch, own: Rows) -> TripletBatch:
        shop = int(self.targets[own[0]]) // SHOP
        wishes = [self._wishes[row] for row in own]
        misses = np.stack([self._facts[shop].misses(wish) for wish in wishes if wish is not None])  # (b, S)
        grades = np.where(misses < FAR, misses.clip(max=GRADES - 1), GRADES)
        return replace(batch, shop=tensor(np.full(len(own), shop)), grades=tensor(grades))

    def cut(self, ids: TokenIds) -> TokenIds:
        """Return token ids (b, L) without the columns that are padding in every row (b, L')."""
        return ids[:, : int((ids == self._end).argmax(axis=1).max()) + 1]


def tensor(array: NDArray[np.generic]) -> Tensor:
    """Return an array as a tensor, copied if it is not contiguous."""
    return torch.from_numpy(np.ascontiguousarray(array))


def choose(
    products: Sequence[Product], config: DrawnTriplets, *, seed: int, workers: int | None = None
) -> list[Triplet]:
    """Return the config's triplets, each within SHOP products, in an order that makes the first of them a fair sample.

    `workers` processes write them; None is one for each core and shop, and none for a few triplets. Raises ConfigError
    if there are too few triplets.
    """
    shops = [products[start : start + SHOP] for start in range(0, len(products), SHOP)]
    count = -(-config.triplets // len(shops))
    of_shop = partial(_of_shop, count=count, config=config, seed=seed)
    tasks = (partial(of_shop, shop, number) for number, shop in enumerate(shops))
    if workers is None:
        workers = min(os.cpu_count() or 1, len(shops)) if config.triplets > _FEW else 0
    chosen = [triplet for found in in_order(tasks, workers=workers) for triplet in found]
    Random(f"{seed}/order").shuffle(chosen)
    if len(chosen) < config.triplets:
        raise ConfigError(
            f"{len(products)} products have only {len(chosen)} triplets: lower data.triplets or raise data.products"
        )
    return chosen[: round(config.triplets * config.share)]


def _of_shop(
    shop: Sequence[Product], number: int, *, count: int, config: DrawnTriplets, seed: int
) -> Sequence[Triplet]:
    """Return up to `count` triplets of the shop with that number."""
    drawn = triplets(shop, count, seed=seed + number, writer=writer(config, config.phrasebooks))
    if config.texts == "template":  # before any drift, which no text mentions
        drawn = _with_template_texts(shop, drawn)
    elif config.texts == "generated":
        drawn = _with_generated_texts(shop, drawn, seed=seed)
    return drift_targets(shop, drawn, share=config.drift, seed=seed + number) if config.drift else drawn


def writer(config: DrawnTriplets, phrasebooks: Sequence[str]) -> Writer:
    """Return a writer of texts: a share in the words of these phrasebooks, and a share as they are typed."""
    if not config.spoken:
        return towards
    books = [phrasebook.book(name) for name in phrasebooks]

    def write(reference: Product, target: Product, random: Random) -> Modification:
        is_spoken = random.random() < config.spoken
        found = (
            spoken(reference, target, random.choice(books), random) if is_spoken else towards(reference, target, random)
        )
        return replace(found, text=as_typed(found.text, random, misspelt=config.misspelt))

    return write


def _with_template_texts(shop: Sequence[Product], drawn: Sequence[Triplet]) -> list[Triplet]:
    """Replace the texts by those of templates; the products that satisfy a triplet stay those of its own text."""
    product_of = {product.id: product for product in shop}
    return [
        replace(
            triplet,
            text=attribute_templates.text(product_of[triplet.reference], product_of[triplet.target], triplet.kinds),
        )
        for triplet in drawn
    ]


def _with_generated_texts(shop: Sequence[Product], drawn: Sequence[Triplet], *, seed: int) -> list[Triplet]:
    """Replace the texts by ones written from two captions; only the target is known to satisfy them."""
    product_of = {product.id: product for product in shop}
    pairs = [(product_of[triplet.reference], product_of[triplet.target]) for triplet in drawn]
    return [
        replace(triplet, text=generated_texts.text(*pair, seed=seed), satisfying=(triplet.target,), wish=None)
        for triplet, pair in zip(drawn, pairs, strict=True)
    ]


def _validation_queries(
    val: Sequence[Product], config: DrawnTriplets, *, tokenizer: Tokenizer, template: Template, seed: int
) -> ValidationQueries:
    chosen = triplets(val, config.validation_triplets, seed=seed, writer=writer(config, phrasebook.VALIDATION))
    row_of = {product.id: row for row, product in enumerate(val)}
    return ValidationQueries(
        references=np.array([row_of[triplet.reference] for triplet in chosen]),
        texts=torch.from_numpy(tokenizer.encode([triplet.text for triplet in chosen], template=template).ids),
        relevant=[np.array([row_of[id] for id in triplet.satisfying]) for triplet in chosen],
    )
