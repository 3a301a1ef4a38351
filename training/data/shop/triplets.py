"""Triplets of a shop: pairs of products that differ in few attributes, and texts that say how."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from training.data.shop import phrases
from training.data.shop.clauses import Wording
from training.data.shop.looks import Looks
from training.data.shop.phrases import Difference
from training.data.shop.products import ShopProduct

_COUNTS = {1: 45, 2: 40, 3: 15}  # number of changes, and their weights
_ROUNDS = 8  # times that each product may be a reference before fewer triplets are returned


@dataclass(frozen=True, slots=True, eq=False)
class ShopTriplet:
    """Rows of two products, a text, and its meaning as codes of all attributes."""

    reference: int
    target: int
    text: str
    wanted: NDArray[np.int16]  # (A,), as in `Looks.misses`
    said: NDArray[np.bool_]  # (A,)


def draw(
    products: Sequence[ShopProduct], looks: Looks, count: int, *, rounds: int = _ROUNDS, seed: int, wording: Wording
) -> list[ShopTriplet]:
    """Return up to `count` triplets with different references and texts; fewer if the products have no more."""
    random = Random(f"{seed}/shop/{wording}")
    drawing = _Drawing(products, looks)
    triplets: dict[tuple[int, str], ShopTriplet] = {}
    for _ in range(rounds):
        for reference in random.sample(range(len(products)), len(products)):
            if len(triplets) == count:
                return list(triplets.values())
            triplet = drawing.triplet(reference, random, wording)
            if triplet is not None:
                triplets.setdefault((reference, triplet.text), triplet)
    return list(triplets.values())


class _Drawing:
    def __init__(self, products: Sequence[ShopProduct], looks: Looks) -> None:
        self._products = products
        self._looks = looks
        kind = phrases.kind(looks.names)
        self._kind = None if kind is None else looks.names.index(kind)
        self._optional: dict[tuple[str, int], bool] = {}

    def triplet(self, reference: int, random: Random, wording: Wording) -> ShopTriplet | None:
        distances = self._looks.distances(reference)
        for number in random.choices(list(_COUNTS), list(_COUNTS.values()), k=4):
            rows = np.flatnonzero(distances == number)
            if not len(rows):
                continue
            target = int(random.choice(rows))
            differing = self._looks.codes[:, reference] != self._looks.codes[:, target]  # (A,)
            if self._sayable(reference, target, differing):
                return self._worded(reference, target, differing, random, wording)
        return None

    def _sayable(self, reference: int, target: int, differing: NDArray[np.bool_]) -> bool:
        """Return whether a missing value among the differences means that the product lacks something."""
        codes = self._looks.codes
        missing = differing & ((codes[:, reference] == 0) | (codes[:, target] == 0))  # (A,)
        names = [self._looks.names[row] for row in np.flatnonzero(missing)]
        return all(name.startswith(phrases.WORD) or self._is_optional(name, reference) for name in names)

    def _is_optional(self, name: str, reference: int) -> bool:
        if self._kind is None:
            own, code = np.ones(len(self._products), np.bool_), 0
        else:
            code = int(self._looks.codes[self._kind, reference])
            own = self._looks.codes[self._kind] == code
        if (name, code) not in self._optional:
            self._optional[name, code] = self._looks.optional(name, among=own)
        return self._optional[name, code]

    def _worded(
        self, reference: int, target: int, differing: NDArray[np.bool_], random: Random, wording: Wording
    ) -> ShopTriplet:
        before, after = self._products[reference].looks, self._products[target].looks
        names = [self._looks.names[row] for row in np.flatnonzero(differing)]
        differences = [Difference(name, before.get(name, ""), after.get(name, "")) for name in names]
        noun = "" if self._kind is None else before.get(self._looks.names[self._kind], "")
        text = phrases.text(differences, random, names=self._looks.names, noun=noun, wording=wording)
        return ShopTriplet(reference, target, text, wanted=self._looks.codes[:, target].copy(), said=differing)
