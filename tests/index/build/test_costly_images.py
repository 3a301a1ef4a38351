"""A build skips images that are too costly to decode, and names them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bombs import float_tiff, rle_bmp
from index.build.build import build
from models.encoder import Encoder
from models.image_decoders import ImageDecoders

if TYPE_CHECKING:
    from tests.index.conftest import Draw


@pytest.mark.slow
def test_costly_images_are_skipped_by_name(tmp_path: Path, bundle: Path, draw: "Draw") -> None:
    folder = draw(tmp_path / "shop", 3)
    (folder / "long.bmp").write_bytes(rle_bmp())
    (folder / "large.tiff").write_bytes(float_tiff())
    with ImageDecoders(2, cpu_s=3.0) as decoders:
        built = build(folder, tmp_path / "gallery", Encoder.open(bundle, decoders=decoders), progress=lambda _: None)
    assert built.items == 3
    reasons = {skipped.id: skipped.reason for skipped in built.skipped}
    assert reasons.keys() == {"long", "large"}
    assert "CPU time" in reasons["long"] and "memory" in reasons["large"]
