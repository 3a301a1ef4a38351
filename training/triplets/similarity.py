"""How alike pictures are: a bundle's gallery vectors of them, computed once."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models import preprocess
from models.encoder import Encoder
from models.errors import InputError
from training.triplets.items import Item

_BATCH = 64


def vectors(items: Sequence[Item], bundle: Path, *, cache: Path) -> NDArray[np.float32]:
    """(N, d) unit vectors, NaN where a picture cannot be read; kept in `cache` for these pictures and this space."""
    encoder = Encoder.open(bundle)
    digest = hashlib.sha256(encoder.manifest.space_id.encode())
    for item in items:
        digest.update(item.digest.encode())
    path = cache / f"vectors-{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        found = np.concatenate(
            [
                _embedded(encoder, items[start : start + _BATCH])
                for start in tqdm(range(0, len(items), _BATCH), desc="comparing", unit="batch", mininterval=1.0)
            ]
        )
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, found)
        part.replace(path)
    loaded: NDArray[np.float32] = np.load(path)
    return loaded


def _embedded(encoder: Encoder, items: Sequence[Item]) -> NDArray[np.float32]:
    found = np.full((len(items), encoder.manifest.dimension), np.nan, dtype=np.float32)
    pixels, rows = [], []
    for row, item in enumerate(items):
        try:
            picture = preprocess.decode(item.path.read_bytes())
        except (OSError, InputError):
            continue
        pixels.append(preprocess.pixels(picture, size=encoder.manifest.image_size))
        rows.append(row)
    if rows:
        found[rows] = encoder.gallery(np.stack(pixels))
    return found
