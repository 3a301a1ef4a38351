"""Words of titles that say what an image shows, for shops whose table has few columns: "linen", "striped"."""

import re
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from models.arrays import Embeddings
from training.tailor import attributes
from training.tailor.source import ShopItem

_MOST = 60  # words
_FEWEST, _LEAST, _HIGHEST = 10, 0.005, 0.6  # products, and shares of them, that have a word
_SHOWN = 0.6  # how well the images must tell who has a word, and
_MORE = 0.15  # how much better than the attributes do
_EMPTY = frozenset(
    [
        "and",
        "aus",
        "avec",
        "das",
        "der",
        "die",
        "für",
        "for",
        "from",
        "les",
        "mit",
        "the",
        "und",
        "von",
        "with",
        "without",
    ]
)


def choose(items: Sequence[ShopItem], vectors: Embeddings, names: Collection[str], *, seed: int) -> dict[str, float]:
    """Return how well the images, with embeddings (N, d), show each word that is used, 0…1.

    A word that is part of an attribute's value is left out, also if the attribute is none of those used, `names`.
    """
    held = [words(attributes.title(item)) for item in items]
    counts = Counter(word for each in held for word in each)
    said = {word for item in items for name, cell in item.attributes.items() for word in _words_of(name, cell)}
    least = max(_FEWEST, _LEAST * len(items))
    often = [word for word, count in counts.most_common() if least <= count <= _HIGHEST * len(items)]
    others = attributes.columns(
        [[attributes.value(item.attributes.get(name)) for item in items] for name in names], count=len(items)
    )
    shown: dict[str, float] = {}
    for word in often:
        if word in said or len(shown) == _MOST:
            continue
        has = np.array([word in each for each in held])
        share = attributes.told_apart(has, vectors, seed=seed)
        if share >= _SHOWN and share >= attributes.told_apart(has, others, seed=seed) + _MORE:
            shown[word] = share
    return shown


def words(title: str) -> frozenset[str]:
    """Return the words of a title that may mean something."""
    return frozenset(re.findall(r"[^\W\d_]{3,}", title.casefold())) - _EMPTY


def _words_of(name: str, cell: object) -> frozenset[str]:
    return frozenset() if attributes.is_title(name) else words(attributes.value(cell))
