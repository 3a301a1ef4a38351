"""Attributes of a shop's products as one table of small integers, to filter a whole shop at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.shop.products import ShopProduct

FAR = 100  # misses of a product that lacks what a text asks for


class Looks:
    """Codes (A, N) of A attributes of N products; 0 if a product lacks the attribute."""

    def __init__(self, products: Sequence[ShopProduct]) -> None:
        self.names = tuple(dict.fromkeys(name for product in products for name in product.looks))
        self.codes: NDArray[np.int16] = np.zeros((len(self.names), len(products)), np.int16)
        for name, codes in zip(self.names, self.codes, strict=True):
            numbers: dict[str, int] = {}
            codes[:] = [
                numbers.setdefault(product.looks[name], len(numbers) + 1) if name in product.looks else 0
                for product in products
            ]

    def optional(self, name: str, *, among: NDArray[np.bool_]) -> bool:
        """Return whether some of the products have the attribute and some lack it, a tenth at least of each."""
        has = self.codes[self.names.index(name), among] != 0
        return 0.1 <= float(has.mean()) <= 0.9 if len(has) else False

    def distances(self, row: int) -> NDArray[np.int64]:
        """Return in how many attributes each product differs from that of `row`, (N,)."""
        distances: NDArray[np.int64] = (self.codes != self.codes[:, [row]]).sum(axis=0)
        return distances

    def misses(self, *, wanted: NDArray[np.int16], said: NDArray[np.bool_]) -> NDArray[np.int16]:
        """Return how far each product is from the codes `wanted` (A,), (N,): 0 if it has all of them.

        Another value of an attribute that is `said` (A,) counts FAR, and else 1.
        """
        wrong = self.codes != wanted[:, None]  # (A, N)
        weights = np.where(said, FAR, 1).astype(np.int16)  # (A,)
        misses: NDArray[np.int16] = weights @ wrong.astype(np.int16)
        return misses
