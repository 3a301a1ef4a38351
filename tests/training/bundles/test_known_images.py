"""A bundle tells images that are unlike those of its training."""

from pathlib import Path

import numpy as np
import pytest

from models import bundle
from models.arrays import Embeddings, normalised
from models.bundle import KNOWN_IMAGES, SHIPPED, Bundle, KnownImages
from models.encoder import Encoder
from models.errors import BundleBroken
from training.bundles import known_images
from training.catalogue.write import IMAGES, write


def around(directions: int, count: int, *, seed: int, dimension: int = 32) -> Embeddings:
    """Return unit vectors near a few directions of a space."""
    centres = np.random.Generator(np.random.PCG64(directions)).normal(size=(directions, dimension))
    random = np.random.Generator(np.random.PCG64(seed))
    rows = random.integers(0, directions, count)
    return normalised((centres[rows] + random.normal(scale=0.3, size=(count, dimension))).astype(np.float32))


def test_images_like_those_of_training_are_known_and_others_are_not() -> None:
    known = known_images.describe(around(8, 2000, seed=1))
    assert known.unlike(around(8, 500, seed=2)) < 0.05
    assert known.unlike(around(5, 500, seed=3)) > 0.9
    mixed = np.concatenate([around(8, 300, seed=4), around(5, 100, seed=5)])
    assert known.unlike(mixed.astype(np.float16)) == pytest.approx(0.25, abs=0.05)
    assert known.unlike(mixed[:0]) == 0.0


def test_the_share_is_that_of_a_plain_loop() -> None:
    known = known_images.describe(around(8, 200, seed=1))
    some = around(3, 50, seed=6)
    expected = sum(max(float(image @ centre) for centre in known.centres) < known.least for image in some) / 50
    assert known.unlike(some) == pytest.approx(expected)


def test_what_a_bundle_says_is_read_again_and_small(tmp_path: Path) -> None:
    shipped = Bundle.open(SHIPPED)
    known = known_images.describe(around(8, 200, seed=1, dimension=shipped.manifest.dimension))
    data = known.encoded()
    contents: dict[str, bundle.Content] = {name: shipped.file(name) for name in shipped.manifest.files}
    bundle.write(tmp_path / "told", {**contents, KNOWN_IMAGES: data}, shipped.manifest)
    again = Bundle.open(tmp_path / "told").known_images
    assert again is not None
    assert np.array_equal(again.centres, known.centres) and again.least == pytest.approx(known.least)
    assert again.encoded() == data and len(data) < 40_000


@pytest.mark.parametrize("data", [b"", b"something else", b"PK\x03\x04", known_images.describe(around(8, 99, seed=1))])
def test_a_file_of_something_else_is_refused(tmp_path: Path, data: bytes | KnownImages) -> None:
    shipped = Bundle.open(SHIPPED)
    contents: dict[str, bundle.Content] = {name: shipped.file(name) for name in shipped.manifest.files}
    contents[KNOWN_IMAGES] = data.encoded() if isinstance(data, KnownImages) else data
    bundle.write(tmp_path / "broken", contents, shipped.manifest)
    with pytest.raises(BundleBroken, match="cannot be read"):
        _ = Bundle.open(tmp_path / "broken").known_images


def test_the_shipped_model_knows_the_drawn_world_and_not_noise(tmp_path: Path) -> None:
    known = Bundle.open(SHIPPED).known_images
    assert known is not None and (SHIPPED / KNOWN_IMAGES).stat().st_size < 100_000
    write(tmp_path, split="test", products=60, triplets=1, size=160, seed=1, workers=1, progress=False)
    encoder = Encoder.open(SHIPPED, threads=1)
    paths = sorted((tmp_path / IMAGES).glob("*.jpg"))
    drawn = encoder.gallery(np.stack([encoder.preprocess(path.read_bytes()) for path in paths]))
    assert known.unlike(drawn) < 0.1
    random = np.random.Generator(np.random.PCG64(0))
    side = encoder.manifest.image_size
    assert known.unlike(encoder.gallery(random.integers(0, 256, (20, 3, side, side), np.uint8))) > 0.9
