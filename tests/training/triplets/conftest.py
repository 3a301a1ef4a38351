"""Fixtures of the triplet tests: a folder of images, no two alike."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Draw = Callable[[Path, int], Path]


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Let Ctrl-C reach the tests and their processes: a shell starts background jobs that ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def draw() -> Draw:
    """`draw(path, seed)` writes an image of noise."""

    def drawn(path: Path, seed: int) -> Path:
        noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(path)
        return path

    return drawn


@pytest.fixture
def pictures(tmp_path: Path, draw: Draw) -> Path:
    """Twelve images, six of each of two classes."""
    for number in range(12):
        draw(tmp_path / "pictures" / ("coats" if number % 2 else "hats") / f"{number:02}.jpg", number)
    return tmp_path / "pictures"
