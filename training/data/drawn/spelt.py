"""Texts of the drawn world without slips, in the words of every writer of training."""

from collections.abc import Iterator
from random import Random

from training.catalogue.language import phrasebook, product_captions, spoken_captions
from training.catalogue.language.modification import towards
from training.catalogue.language.spoken import spoken
from training.data.drawn import images

_MOST = 20_000  # products, from whose texts all words are known


def texts(count: int, *, seed: int) -> Iterator[str]:
    """Yield captions of the first products, `count` at most, and the change from each to its sibling."""
    books = [phrasebook.book(name) for name in phrasebook.TRAINING]
    products = images.products(min(count, _MOST) // 2 * 2, split="train", seed=seed)
    for product, sibling in zip(products[::2], products[1::2], strict=True):
        random = Random(f"{seed}/spelt/{product.id}")
        yield product_captions.caption(product, random).text
        yield towards(product, sibling, random).spelt
        for book in books:
            yield spoken_captions.caption(product, book, random).text
            yield spoken(product, sibling, book, random).spelt
