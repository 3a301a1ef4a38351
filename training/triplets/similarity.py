"""Similarity of images: their gallery vectors from a bundle, computed once, block by block."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models import files
from models.encoder import Encoder
from models.errors import InputError
from training.triplets.items import SourceImage

_BATCH = 64
_BLOCK = 1024  # images whose vectors are stored together: a kill loses no more than these


def vectors(items: Sequence[SourceImage], bundle: Path, *, cache: Path) -> NDArray[np.float32]:
    """Return unit vectors (N, d), NaN if an image cannot be read; cached in `cache` for these images and this space."""
    encoder = Encoder.open(bundle)
    space = encoder.manifest.space_id
    blocks = [items[start : start + _BLOCK] for start in range(0, len(items), _BLOCK)]
    with tqdm(total=len(items), desc="comparing", unit="image", mininterval=1.0) as bar:
        parts = []
        for block in blocks:
            parts.append(_block_vectors(encoder, block, cache / f"vectors-{_digest(space, block)}.npy"))
            bar.update(len(block))
    return np.concatenate(parts)


def _digest(space: str, items: Sequence[SourceImage]) -> str:
    return hashlib.sha256("".join([space, *(item.digest for item in items)]).encode()).hexdigest()[:16]


def _block_vectors(encoder: Encoder, items: Sequence[SourceImage], path: Path) -> NDArray[np.float32]:
    """Return the vectors (N, d) of a block from its file, which is complete or missing."""
    if not path.exists():
        found = [_embedded(encoder, items[start : start + _BATCH]) for start in range(0, len(items), _BATCH)]
        with files.replacing(path) as part:
            np.save(part, np.concatenate(found))
    loaded: NDArray[np.float32] = np.load(path)
    return loaded


def _embedded(encoder: Encoder, items: Sequence[SourceImage]) -> NDArray[np.float32]:
    found = np.full((len(items), encoder.manifest.dimension), np.nan, dtype=np.float32)
    pixels, rows = [], []
    for row, item in enumerate(items):
        try:
            pixels.append(encoder.preprocess(item.path.read_bytes()))
        except (OSError, InputError):
            continue
        rows.append(row)
    if rows:
        found[rows] = encoder.gallery(np.stack(pixels))
    return found
