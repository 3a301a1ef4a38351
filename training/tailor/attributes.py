"""Attributes of a shop whose differences a text may ask for: few values, and seen in the images."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embeddings, Values
from models.errors import ConfigError
from training.data.shop.phrases import plain
from training.tailor.source import ShopItem

# Words in the names of attributes that say nothing of a product's image.
_UNSEEN = frozenset(
    (
        "availability", "barcode", "brand", "code", "condition", "cost", "currency", "date", "description", "ean",
        "gtin", "id", "isbn", "link", "manufacturer", "marke", "marque", "mpn", "note", "price", "quantity", "rating",
        "reviews", "sale", "season", "shipping", "size", "sizes", "sku", "status", "stock", "tax", "title", "upc",
        "url", "vendor", "weight",
    )
)  # fmt: skip
_TITLES = ("title", "name")
_LONGEST = 40  # characters of a value
_FEWEST = 10  # products that have an attribute, and of its values together those that several products have
_SHARED = 0.5  # share of the products with an attribute whose value others have, too
_SHOWN = 0.6  # share that the images must show of what is left to guess beside the most frequent value,
_MORE = 0.15  # or else how much more they must show than the other attributes tell: one of women is mostly a dress
_RIDGE = 0.1  # of a linear classifier


@dataclass(frozen=True, slots=True)
class ChosenAttributes:
    """How well the images show each attribute that is used, 0…1, and why others are left out."""

    shown: Mapping[str, float]
    left_out: Mapping[str, str]


def choose(
    items: Sequence[ShopItem], vectors: Embeddings, *, only: Collection[str], without: Collection[str], seed: int
) -> ChosenAttributes:
    """Choose among the attributes of the items, whose images have the embeddings (N, d); `only` some, if any is named.

    Raises ConfigError for a name that no item has.
    """
    names = dict.fromkeys(name for item in items for name in item.attributes)
    unknown = sorted({*only, *without} - names.keys())
    if unknown:
        raise ConfigError(f"no product has an attribute {unknown[0]!r}: the attributes are {', '.join(names)}")
    shown: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for name in names:
        if name in without or (only and name not in only):
            left_out[name] = "left out as asked"
            continue
        values = [value(item.attributes.get(name)) for item in items]
        reason = "" if name in only else _unsuitable(name, items, values)
        if reason:
            left_out[name] = reason
            continue
        shown[name] = visible(values, vectors, seed=seed)
    others = columns(
        [[value(item.attributes.get(name)) for item in items] for name in shown if shown[name] >= _SHOWN],
        count=len(items),
    )
    for name, share in list(shown.items()):
        if share < _SHOWN and name not in only:
            told = visible([value(item.attributes.get(name)) for item in items], others, seed=seed)
            if share < told + _MORE:
                del shown[name]
                left_out[name] = f"the images show {max(share, 0):.0%} of it, the other attributes {max(told, 0):.0%}"
    return ChosenAttributes(shown, left_out)


def value(cell: object) -> str:
    """Return the value of an attribute as text: "" for none, "yes" or "no" for a flag, a list's parts by "and"."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, list):
        return " and ".join(sorted(value(part) for part in cell))
    return " ".join(cell.split()).casefold() if isinstance(cell, str) else ""


def title(item: ShopItem) -> str:
    """Return an item's title, "" if it has none."""
    for name, cell in item.attributes.items():
        if is_title(name) and isinstance(cell, str) and cell.strip():
            return cell.strip()
    return ""


def is_title(name: str) -> bool:
    """Return whether an attribute is the title."""
    return plain(name) in _TITLES


def visible(values: Sequence[str], vectors: Embeddings, *, seed: int) -> float:
    """Return how much of an attribute a linear classifier reads on embeddings (N, d): 0 nothing, 1 all.

    It is trained on one half of the products that have the attribute and reads the other, both ways; 0 is what the most
    frequent value alone would give.
    """
    has = np.array([row for row, each in enumerate(values) if each])
    _, codes = np.unique([values[row] for row in has], return_inverse=True)  # (n,)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(has))
    halves = order[::2], order[1::2]
    right = sum(
        int((_read(vectors[has[train]], codes[train], vectors[has[test]]) == codes[test]).sum())
        for train, test in (halves, halves[::-1])
    )
    most = np.bincount(codes).max()
    return float((right - most) / max(1, len(has) - most))


def told_apart(has: NDArray[np.bool_], vectors: Embeddings, *, seed: int) -> float:
    """Return how well a linear classifier tells products that have something from others, (N,): 0 by chance, 1 always.

    It is trained on one half and ranks the other, both ways: 2 · AUC − 1.
    """
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(has))
    halves = order[::2], order[1::2]
    found = []
    for train, test in (halves, halves[::-1]):
        scores = _scores(vectors[train], np.eye(2)[has[train].astype(int)], vectors[test])[:, 1]
        ranks = scores.argsort().argsort() + 1.0  # (m,)
        count, rest = int(has[test].sum()), int((~has[test]).sum())
        if count and rest:
            found.append(2 * (ranks[has[test]].sum() - count * (count + 1) / 2) / (count * rest) - 1)
    return float(np.mean(found)) if found else 0.0


def columns(attributes: Sequence[Sequence[str]], *, count: int) -> Embeddings:
    """Return a column of zeros and ones for each value of some attributes of products, (N, V), and one of ones."""
    parts = [np.array(values)[:, None] == np.array(sorted(set(values)))[None] for values in attributes]
    return np.hstack([*parts, np.ones((count, 1), np.bool_)]).astype(np.float32)


def _read(vectors: Embeddings, codes: NDArray[np.int64], unseen: Embeddings) -> NDArray[np.int64]:
    """Return the codes (m,) of unseen embeddings (m, d), by a classifier of the others (n, d) with codes (n,)."""
    codes_of: NDArray[np.int64] = _scores(vectors, np.eye(int(codes.max()) + 1)[codes], unseen).argmax(axis=1)
    return codes_of


def _scores(vectors: Embeddings, wanted: Values, unseen: Embeddings) -> Values:
    """Return scores (m, V) of unseen embeddings (m, d) by ridge regression of the others (n, d) on `wanted` (n, V)."""
    middle, middles = vectors.mean(axis=0), wanted.mean(axis=0)
    known = (vectors - middle).astype(np.float64)
    gram = known.T @ known
    ridge = (_RIDGE * np.trace(gram) / len(gram) + 1e-9) * np.eye(len(gram))
    scores: Values = (unseen - middle) @ np.linalg.solve(gram + ridge, known.T @ (wanted - middles)) + middles
    return scores


def _unsuitable(name: str, items: Sequence[ShopItem], values: Sequence[str]) -> str:
    """Return why the values cannot be said as a change, "" if they can."""
    if _UNSEEN & set(plain(name).split()):
        return "its name says that no image shows it"
    present = Counter(each for each in values if each)
    count = sum(present.values())
    if any(isinstance(item.attributes.get(name), int | float) for item in items) and not count:
        return "it has numbers"
    if count < _FEWEST:
        return f"{count} products have it"
    if len(present) < 2:
        return "all products have the same value"
    shared = sum(number for number in present.values() if number > 1)
    if shared < _SHARED * count:
        return "nearly every product has another value"
    if sum(number for each, number in present.items() if len(each) > _LONGEST) > count / 2:
        return "it has long texts"
    return ""
