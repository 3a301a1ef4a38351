"""What the tests of the sources share: small real pictures, and tars made of them on the spot."""

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Draw = Callable[..., bytes]
Pack = Callable[[Path, Mapping[str, bytes]], Path]


@pytest.fixture
def draw() -> Draw:
    """`draw(seed, size=(40, 30), kind="JPEG")`: the bytes of a picture of smooth colours."""

    def drawing(seed: int, size: tuple[int, int] = (40, 30), kind: str = "JPEG") -> bytes:
        colours = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC).save(file, kind)
        return file.getvalue()

    return drawing


@pytest.fixture
def pack() -> Pack:
    """`pack(path, {name: bytes})`: a tar of these files, in this order."""

    def packing(path: Path, files: Mapping[str, bytes]) -> Path:
        with tarfile.open(path, "w") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return path

    return packing
