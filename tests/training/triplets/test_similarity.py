"""How alike pictures are: a bundle's vectors, computed once for these pictures."""

from pathlib import Path

import numpy as np

from models import bundle, preprocess
from models.encoder import Encoder
from training.triplets import items, similarity
from training.triplets.config import FolderImages

BUNDLE = bundle.SHIPPED.parent / "sum"


def test_the_vectors_are_the_bundles_own_and_kept(pictures: Path, tmp_path: Path) -> None:
    (pictures / "coats" / "broken.jpg").write_bytes(b"no picture")
    found = items.read(FolderImages(source="folder", folder=str(pictures))).items
    vectors = similarity.vectors(found, BUNDLE, cache=tmp_path)
    encoder = Encoder.open(BUNDLE)
    for row, item in enumerate(found):
        if item.path.name == "broken.jpg":
            assert np.isnan(vectors[row]).all()
            continue
        square = preprocess.pixels(preprocess.decode(item.path.read_bytes()), size=encoder.manifest.image_size)
        np.testing.assert_allclose(vectors[row], encoder.gallery(square[None])[0], atol=1e-5)
    (file,) = tmp_path.glob("vectors-*.npy")
    np.save(file, vectors * 2)
    assert np.array_equal(similarity.vectors(found, BUNDLE, cache=tmp_path), vectors * 2, equal_nan=True)
    assert similarity.vectors(found[:5], BUNDLE, cache=tmp_path).shape == (5, vectors.shape[1])
