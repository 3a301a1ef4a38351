"""What the tests of changed galleries share: small pictures to upload, and the gallery they go to."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from index import edits
from index.build.snapshot_writer import Progress
from index.edits import Edit, Problem
from index.gallery import Gallery
from models.encoder import Encoder

PIXELS = 50_000_000


def quiet(progress: Progress) -> None:
    """Ignore the progress."""


def picture(seed: int) -> bytes:
    """A small picture as the bytes of a PNG."""
    coarse = np.random.default_rng(seed).integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((24, 32)).save(file, "PNG")
    return file.getvalue()


def opened(folder: Path, encoder: Encoder) -> Gallery:
    """The gallery as it is now."""
    return Gallery.open(folder, space_id=encoder.manifest.space_id)


def apply(edited: Sequence[Edit], gallery: Gallery, encoder: Encoder) -> list[Problem | None]:
    """Applies edits to this gallery, whatever is swapped in."""
    return edits.apply(edited, lambda: (encoder, gallery), max_pixels=PIXELS)
