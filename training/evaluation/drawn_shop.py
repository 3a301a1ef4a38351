"""Drawn shop for evaluation: its images drawn once, its gallery embedded once per space."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models import files
from models.arrays import Embeddings, Pixels
from models.encoder import Encoder
from models.preprocess import Resize
from training.catalogue import write
from training.catalogue.world import sample
from training.catalogue.world.world import Product
from training.data.drawn import images

BATCH = 64
_Array = TypeVar("_Array", bound=NDArray[np.generic])


class Shop:
    """Products, their images at one size, and their embeddings."""

    def __init__(self, products: list[Product], *, name: str, resize: Resize, cache: Path | None) -> None:
        """`name` identifies the sampling of the products; images and galleries are stored in `cache` if it is given."""
        self.products = products
        self.row_of = {product.id: row for row, product in enumerate(products)}
        self._key = [write.VERSION, name, len(products), resize.size, images.SIDES]
        if resize != Resize(resize.size):
            self._key.append(asdict(resize))
        self._cache = cache
        self.pixels: Pixels = self._cached("pixels", [], lambda: _drawn(products, resize))  # (N, 3, S, S)

    @classmethod
    def catalogue(
        cls, count: int, *, split: str, seed: int, resize: Resize, cache: Path | None, added: Sequence[Product] = ()
    ) -> "Shop":
        """Draw a shop with siblings, as `likebut catalogue` does, followed by the hard negatives `added`."""
        products = sample.catalogue(count, split=split, seed=seed)
        digest = hashlib.sha256(repr(added).encode()).hexdigest()[:16]  # other questions have other negatives
        name = f"catalogue {split} {seed}{f' and hard negatives {digest}' if added else ''}"
        return cls([*products, *added], name=name, resize=resize, cache=cache)

    @classmethod
    def independent(cls, count: int, *, split: str, seed: int, resize: Resize, cache: Path | None) -> "Shop":
        """Draw the first products of a split, each independent of the others."""
        products = images.products(count, split=split, seed=seed)
        return cls(products, name=f"products {split} {seed}", resize=resize, cache=cache)

    def gallery(self, encoder: Encoder) -> Embeddings:
        """Return the embeddings of all images (N, d); all bundles of one space share the file."""
        space = encoder.manifest.space_id
        return self._cached(
            "gallery", [space], lambda: np.concatenate([encoder.gallery(part) for part in self._parts("gallery")])
        )

    def sentences(self, encoder: Encoder) -> Embeddings:
        """Return every image as the bundle's pseudo-sentence (N, d); raises ConfigError if the bundle has none."""
        return np.concatenate([encoder.sentences(part) for part in self._parts("pseudo-words")])

    def _parts(self, label: str) -> Iterator[Pixels]:
        for start in tqdm(range(0, len(self.pixels), BATCH), desc=label, unit="batch", leave=False):
            yield np.array(self.pixels[start : start + BATCH])

    def _cached(self, what: str, more: list[str], compute: Callable[[], _Array]) -> _Array:
        """Return the array from the cache; compute and store it if it is missing."""
        if self._cache is None:
            return compute()
        digest = hashlib.sha256(json.dumps([*self._key, *more]).encode()).hexdigest()
        path = self._cache / f"shop-{what}-{digest[:16]}.npy"
        if not path.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            with files.replacing(path) as part:
                np.save(part, compute())
        loaded: _Array = np.load(path, mmap_mode="r")
        return loaded


def _drawn(products: list[Product], resize: Resize) -> Pixels:
    bar = tqdm(products, desc="drawing", unit="image", leave=False, mininterval=1.0)
    return np.stack([images.product_pixels(product, resize) for product in bar])
