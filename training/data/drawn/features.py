"""Outputs of the frozen towers for the drawn world, computed once and memory-mapped by every run over it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from models import files
from models.arrays import Pixels
from models.nets.backbone import Backbone
from models.tokenizer import Tokenizer
from training.catalogue.world.world import Product
from training.data import views
from training.data.drawn import images

Halves = NDArray[np.float16]
_BATCH = 256


class Features:
    """States and embeddings of one split's images and captions, of one frozen backbone; files in `cache`.

    They are computed under bfloat16 autocast and kept in float16, whatever the precision of the run's loop, which
    therefore is no part of the files' names; between kinds of device they may differ by a rounding of bfloat16.
    """

    def __init__(
        self, backbone: Backbone, tokenizer: Tokenizer, *, split: str, count: int, seed: int, cache: Path
    ) -> None:
        self.products: list[Product] = images.products(count, split=split, seed=seed)
        self._backbone = backbone
        self._tokenizer = tokenizer
        self._cache = cache
        self._seed = seed
        self._split = split
        self._pixels = images.pixels(count, split=split, seed=seed, size=backbone.image_size, cache=cache)
        self._weights = _digest(backbone)

    def states(self) -> Halves:
        """Return image states of the images as they are (N, 1+patches, d)."""
        return self._cached("states", lambda rows: self._states(self._pixels[rows]))

    def reference_views(self, number: int) -> Halves:
        """Return image states of the reference view `number` of each image (N, 1+patches, d)."""
        return self._cached(f"reference {number}", lambda rows: self._states(self._views(rows, number, place=0)))

    def target_views(self, number: int) -> Halves:
        """Return unnormalised embeddings of the target view `number` of each image (N, d)."""
        return self._cached(f"target {number}", lambda rows: self._states(self._views(rows, number, place=1))[:, 0])

    def captions(self) -> Halves:
        """Text embeddings of a caption of each product (N, d)."""
        texts = [phrase.text for phrase in images.captions(self.products, seed=self._seed, epoch=0)]
        return self._cached("captions", lambda rows: self._texts(texts[rows.start : rows.stop]))

    def _states(self, pixels: Pixels) -> Tensor:
        return self._backbone.image_states(torch.from_numpy(np.array(pixels)).to(self._device))

    def _texts(self, texts: Sequence[str]) -> Tensor:
        ids = torch.from_numpy(self._tokenizer.encode(texts).ids).to(self._device)
        longest = int(self._backbone.ends(ids).max()) + 1
        return self._backbone.text(ids[:, :longest])

    def _views(self, rows: slice, number: int, *, place: int) -> Pixels:
        size = self._backbone.image_size
        made = []
        for row in range(rows.start, rows.stop):
            image = Image.fromarray(self._pixels[row].transpose(1, 2, 0))
            random = Random(f"{self._seed}/{self._split}/view/{number}/{row}")
            made.append(views.views(image, size=size, random=random)[place])
        return np.stack(made)

    @property
    def _device(self) -> torch.device:
        return self._backbone.mean.device

    def _cached(self, what: str, compute: Callable[[slice], Tensor]) -> Halves:
        """Return the file of `what`, computed block by block if it is missing."""
        count = len(self.products)
        key = images.key(count, split=self._split, seed=self._seed, size=self._backbone.image_size)
        name = hashlib.sha256(f"{key}/{self._weights}/{what}".encode()).hexdigest()[:16]
        path = self._cache / f"{self._split}-{what.replace(' ', '-')}-{name}.npy"
        if not path.exists():
            self._write(path, compute, label=f"{self._split} {what}")
        loaded: Halves = np.load(path, mmap_mode="r")
        return loaded

    @torch.no_grad()
    def _write(self, path: Path, compute: Callable[[slice], Tensor], *, label: str) -> None:
        count = len(self.products)
        with files.replacing(path) as part:
            file: np.memmap[tuple[int, ...], np.dtype[np.float16]] | None = None
            for start in tqdm(range(0, count, _BATCH), desc=label, unit="batch"):
                rows = slice(start, min(start + _BATCH, count))
                with torch.autocast(self._device.type, torch.bfloat16):
                    block = compute(rows).half().cpu().numpy()
                if file is None:
                    shape = (count, *block.shape[1:])
                    file = np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape)
                file[rows] = block
            assert file is not None, "a split has products"
            file.flush()


def blocks(array: NDArray[np.generic], size: int) -> Iterator[Tensor]:
    """Yield copies of the rows of a memory-mapped array, `size` at a time."""
    for start in range(0, len(array), size):
        yield torch.from_numpy(np.array(array[start : start + size]))


def _digest(backbone: Backbone) -> str:
    """Of the weights that the features depend on, with the mean and the deviation that belong to them."""
    found = hashlib.sha256()
    for name, tensor in sorted({**backbone.state_dict(), "mean": backbone.mean, "std": backbone.std}.items()):
        found.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return found.hexdigest()
