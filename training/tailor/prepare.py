"""From the items of a source to the file of products that training reads: images that work, attributes, splits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from models.arrays import Embeddings, normalised
from models.errors import InputError
from training.data.shop import products
from training.data.shop.phrases import WORD
from training.data.shop.products import ShopProduct, Split
from training.data.shop.states import ImageStates
from training.tailor import attributes, title_words
from training.tailor.attributes import ChosenAttributes
from training.tailor.source import ShopItem

FEWEST = 20  # products of a split


@dataclass(frozen=True, slots=True)
class PreparedProducts:
    """The products in a file, in the order of the source, with their embeddings (N, d)."""

    products: Sequence[ShopProduct]
    vectors: Embeddings
    chosen: ChosenAttributes
    words: Mapping[str, float]  # of titles, and how well the images show each, 0…1
    broken: Mapping[str, str]  # by the path of an image, why it cannot be used


def prepare(
    items: Sequence[ShopItem],
    states: ImageStates,
    path: Path,
    *,
    source: str,
    only: Collection[str],
    without: Collection[str],
    held_out: float,
    validation: float,
    seed: int,
) -> PreparedProducts:
    """Write the products; `held_out` and `validation` are shares of them.

    Raises InputError if no image can be decoded, if no attribute can be used, or if a split is too small.
    """
    broken = states.add([item.image for item in items])
    usable = [item for item in items if item.image not in broken]
    if not usable:
        raise InputError(f"no image of {source} can be decoded ({next(iter(broken.values()))}): correct the images")
    rows = states.rows([item.image for item in usable])
    vectors = normalised(np.array(states.states[rows, 0], dtype=np.float32))  # (N, d)
    chosen = attributes.choose(usable, vectors, only=only, without=without, seed=seed)
    said: Mapping[str, float] = {} if only else title_words.choose(usable, vectors, chosen.shown, seed=seed)
    if not chosen.shown and not said:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in chosen.left_out.items()) or "it has none at all"
        raise InputError(
            f"{source} has no attribute whose differences the images show ({reasons}), and neither do words of titles:"
            " add columns such as colour, pattern and category, or name some with --attributes"
        )
    splits = _splits(len(usable), held_out=held_out, validation=validation, seed=seed)
    made = [
        ShopProduct(item.id, item.image, split, attributes.title(item), _looks(item, chosen.shown, said))
        for item, split in zip(usable, splits, strict=True)
    ]
    for split in ("train", "validation", "held-out"):
        if splits.count(split) < FEWEST:
            raise InputError(
                f"{source} has {len(usable)} products with an image, of which {splits.count(split)} are for {split}:"
                f" tailoring needs {FEWEST} of each"
            )
    products.write(path, made)
    return PreparedProducts(made, vectors, chosen, said, broken)


def _looks(item: ShopItem, names: Collection[str], words: Collection[str]) -> dict[str, str]:
    has = title_words.words(attributes.title(item))
    values = {name: value for name in names if (value := attributes.value(item.attributes.get(name)))}
    return values | {f"{WORD}{word}": word for word in words if word in has}


def _splits(count: int, *, held_out: float, validation: float, seed: int) -> list[Split]:
    order = list(range(count))
    Random(f"{seed}/splits").shuffle(order)
    splits: list[Split] = ["train"] * count
    first, second = round(count * held_out), round(count * (held_out + validation))
    for place, row in enumerate(order[:second]):
        splits[row] = "held-out" if place < first else "validation"
    return splits
