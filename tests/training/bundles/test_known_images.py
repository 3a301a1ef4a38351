"""A bundle tells images that are unlike those of its training."""

from pathlib import Path

import numpy as np
import pytest

from models import bundle
from models.arrays import Embeddings, normalised
from models.bundle import SHIPPED, Bundle
from models.errors import BundleBroken
from training.bundles import known_images


def around(directions: int, count: int, *, seed: int) -> Embeddings:
    """Return unit vectors near a few directions of a space of 32 dimensions."""
    centres = np.random.Generator(np.random.PCG64(directions)).normal(size=(directions, 32))
    random = np.random.Generator(np.random.PCG64(seed))
    rows = random.integers(0, directions, count)
    return normalised((centres[rows] + random.normal(scale=0.3, size=(count, 32))).astype(np.float32))


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
    known = known_images.describe(around(8, 200, seed=1))
    data = known_images.encoded(known)
    shipped = Bundle.open(SHIPPED)
    contents = {name: shipped.file(name) for name in shipped.manifest.files}
    bundle.write(tmp_path / "told", {**contents, bundle.KNOWN_IMAGES: data}, shipped.manifest)
    again = Bundle.open(tmp_path / "told").known_images
    assert again is not None
    assert np.array_equal(again.centres, known.centres) and again.least == pytest.approx(known.least)
    assert len(data) < 20_000
    bundle.write(tmp_path / "broken", {**contents, bundle.KNOWN_IMAGES: b"something else"}, shipped.manifest)
    with pytest.raises(BundleBroken, match="cannot be read"):
        _ = Bundle.open(tmp_path / "broken").known_images
