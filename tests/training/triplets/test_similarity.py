"""Similarity of images: a bundle's vectors, computed once for these images."""

from pathlib import Path

import numpy as np
import pytest

from models import bundle, preprocess
from models.encoder import Encoder
from training.triplets import items, similarity
from training.triplets.config import FolderImages

BUNDLE = bundle.SHIPPED


@pytest.mark.slow
def test_the_vectors_are_the_bundles_own_and_kept(pictures: Path, tmp_path: Path) -> None:
    (pictures / "coats" / "broken.jpg").write_bytes(b"no picture")
    found = items.read(FolderImages(source="folder", folder=str(pictures))).items
    vectors = similarity.vectors(found, BUNDLE, cache=tmp_path)
    encoder = Encoder.open(BUNDLE)
    for row, item in enumerate(found):
        if item.path.name == "broken.jpg":
            assert np.isnan(vectors[row]).all()
            continue
        square = preprocess.pixels(preprocess.decode(item.path.read_bytes()), encoder.manifest.resize)
        np.testing.assert_allclose(vectors[row], encoder.gallery(square[None])[0], atol=1e-5)
    (file,) = tmp_path.glob("vectors-*.npy")
    np.save(file, vectors * 2)
    assert np.array_equal(similarity.vectors(found, BUNDLE, cache=tmp_path), vectors * 2, equal_nan=True)
    assert similarity.vectors(found[:5], BUNDLE, cache=tmp_path).shape == (5, vectors.shape[1])


@pytest.mark.slow
def test_killed_half_way_it_computes_only_the_blocks_that_are_missing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "_BLOCK", 5)
    found = items.read(FolderImages(source="folder", folder=str(pictures))).items
    whole = similarity.vectors(found, BUNDLE, cache=tmp_path)
    assert len(list(tmp_path.glob("vectors-*.npy"))) == 3  # of 12 images
    last = max(tmp_path.glob("vectors-*.npy"), key=lambda file: file.stat().st_mtime_ns)
    last.rename(last.with_name(f".{last.stem}.0123456789abcdef.part.npy"))  # as a kill leaves it
    for item in found[:10]:
        item.path.write_bytes(b"whoever looks again finds nothing")
    np.testing.assert_array_equal(similarity.vectors(found, BUNDLE, cache=tmp_path), whole)
