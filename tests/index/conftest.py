"""What the tests of the index share: the shipped model and a folder of small pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.bundle import SHIPPED
from models.encoder import Encoder

BUNDLE = SHIPPED

Draw = Callable[[Path, int], Path]


@pytest.fixture(scope="session")
def bundle() -> Path:
    return BUNDLE


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return Encoder.open(BUNDLE)


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws `count` different small pictures into a folder, named by four digits."""

    def drawn(folder: Path, count: int) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(count)
        for number in range(count):
            coarse = generator.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((24, 32)).save(folder / f"{number:04d}.png")
        return folder

    return drawn
