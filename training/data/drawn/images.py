"""The drawn world as training data: images drawn once into a memory-mapped array, texts written anew each epoch."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from models import files, preprocess
from models.arrays import Pixels
from models.preprocess import Resize
from training.catalogue import write
from training.catalogue.draw import draw
from training.catalogue.language import modification, phrasebook, product_captions, spelling, spoken_captions
from training.catalogue.language.product_captions import Phrase
from training.catalogue.language.spelling import as_typed
from training.catalogue.world import sample
from training.catalogue.world.world import Product

SIDES = (96, 128, 192, 256)  # sides that images are drawn at before preprocessing resizes them to S
BLOCK = 500  # images a worker draws at a time

_MISSPELT_SHARE = 0.04


def product_pixels(product: Product, resize: Resize) -> Pixels:
    """A product's pixels (3, S, S), drawn at one of SIDES and taken to S as serving would."""
    side = Random(product.picture_seed ^ 0x51DE).choice(SIDES)
    return preprocess.pixels(Image.fromarray(draw.draw(product, size=side)), resize)


def products(count: int, *, split: str, seed: int) -> list[Product]:
    """The first `count` products of a split, every second one a sibling of the one before."""
    return [sample.with_sibling(index, split=split, seed=seed) for index in range(count)]


def pixels(count: int, *, split: str, seed: int, size: int, cache: Path) -> Pixels:
    """Return the images of `products`, (N, 3, S, S), memory-mapped from `cache`; if missing, all cores draw them."""
    digest = hashlib.sha256(key(count, split=split, seed=seed, size=size).encode()).hexdigest()
    path = cache / f"{split}-{digest[:16]}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        starts = range(0, count, BLOCK)
        with (
            files.replacing(path) as part,
            ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
            tqdm(total=count, unit="image", desc=f"drawing {split}", mininterval=1.0) as bar,
        ):
            drawn = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, 3, size, size))
            blocks = (range(start, min(start + BLOCK, count)) for start in starts)
            tasks = [pool.submit(_block, block, split=split, seed=seed, size=size) for block in blocks]
            for start, task in zip(starts, tasks, strict=True):
                block = task.result()
                drawn[start : start + len(block)] = block
                bar.update(len(block))
            drawn.flush()
    loaded: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return loaded


def key(count: int, *, split: str, seed: int, size: int) -> str:
    """Return a key of all that `pixels` depends on."""
    return json.dumps([write.VERSION, "siblings", count, split, seed, size, SIDES])


def captions(
    chosen: Sequence[Product],
    *,
    seed: int,
    epoch: int,
    phrasebooks: Sequence[str] = (),
    spoken: float = 0.0,
    misspelt: float = 0.0,
) -> list[Phrase]:
    """A new caption for each product, another one every epoch; a few with a slip of the finger.

    A share `spoken` is in the words of phrasebooks; then all are as typed, a share `misspelt` with slips.
    """
    found = []
    for product in chosen:
        random = Random(f"{seed}/caption/{epoch}/{product.id}")
        if not spoken:
            found.append(_caption(product, random))
            continue
        is_spoken = random.random() < spoken
        book = phrasebook.book(random.choice(phrasebooks))
        phrase = (
            spoken_captions.caption(product, book, random) if is_spoken else product_captions.caption(product, random)
        )
        found.append(Phrase(as_typed(phrase.text, random, misspelt=misspelt), phrase.wish))
    return found


def texts(count: int, *, seed: int) -> list[str]:
    """Return captions and wanted changes of the training split, to learn a vocabulary."""
    found = []
    for product in products(count, split="train", seed=seed):
        random = Random(f"{seed}/text/{product.id}")
        found += [product_captions.caption(product, random).text, modification.modification(product, random).text]
    return found


def _caption(product: Product, random: Random) -> Phrase:
    phrase = product_captions.caption(product, random)
    if random.random() >= _MISSPELT_SHARE:
        return phrase
    return Phrase(text=spelling.add_typo(phrase.text, random), wish=phrase.wish)


def _block(indices: range, *, split: str, seed: int, size: int) -> Pixels:
    return np.stack(
        [product_pixels(sample.with_sibling(index, split=split, seed=seed), Resize(size)) for index in indices]
    )
