"""Arithmetic on embeddings."""

import numpy as np

from models.arrays import Embeddings, normalised, unlike


def random_unit(count: int, *, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, 16)).astype(np.float32))


def weights(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_a_query_moved_away_from_an_image_keeps_its_length_and_all_that_both_share() -> None:
    queries, images = random_unit(4, seed=3), random_unit(4, seed=4)
    moved = unlike(queries, images, weights=weights(0.1, 0.2, 0.3, 0.4))
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    assert ((moved * images).sum(axis=1) < (queries * images).sum(axis=1)).all()
    np.testing.assert_allclose(unlike(queries, queries, weights=weights(1, 1, 1, 1)), queries, atol=1e-6)
    np.testing.assert_allclose(unlike(queries, images, weights=weights(0, 0, 0, 0)), queries, atol=1e-6)


def test_a_larger_weight_moves_further() -> None:
    query, image = np.repeat(random_unit(1, seed=3), 3, axis=0), np.repeat(random_unit(1, seed=4), 3, axis=0)
    cosines = (unlike(query, image, weights=weights(0.1, 0.3, 0.9)) * image).sum(axis=1)
    assert cosines[0] > cosines[1] > cosines[2]
