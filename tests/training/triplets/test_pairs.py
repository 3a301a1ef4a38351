"""Pairs, against all pairs written out: each once, none with itself, within class and window, by the seed alone."""

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.triplets import pairs

CLASSES = np.array([2, 0, 2, 0, 0, 1, 2, 2])  # class 1 has no pair


def all_pairs(classes: NDArray[np.int64]) -> set[tuple[int, int]]:
    return {(a, b) for a, b in permutations(range(len(classes)), 2) if classes[a] == classes[b]}


def drawn(found: NDArray[np.int64]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in found.tolist()]


def test_all_pairs_are_found_and_each_once() -> None:
    found = drawn(pairs.draw(CLASSES, 100, seed=1))
    assert len(found) == 4 * 3 + 3 * 2
    assert set(found) == all_pairs(CLASSES)


def test_without_classes_any_two_are_a_pair() -> None:
    found = drawn(pairs.draw(np.zeros(6, dtype=np.int64), 100, seed=1))
    assert len(found) == 30 and set(found) == set(permutations(range(6), 2))


def test_pairs_follow_from_the_seed_and_more_begin_with_fewer() -> None:
    classes = np.arange(3_000) % 7
    some = drawn(pairs.draw(classes, 200, seed=1))
    assert len(set(some)) == 200
    assert drawn(pairs.draw(classes, 1_000, seed=1))[:200] == some
    assert len(set(some) & set(drawn(pairs.draw(classes, 200, seed=2)))) < 20


def test_every_pair_is_as_likely_as_every_other() -> None:
    counts = np.zeros((8, 8))
    for seed in range(2_000):
        for a, b in pairs.draw(CLASSES, 3, seed=seed):
            counts[a, b] += 1
    expected = 2_000 * 3 / 18
    seen = [counts[a, b] for a, b in all_pairs(CLASSES)]
    assert max(abs(count - expected) for count in seen) < 5 * expected**0.5


@pytest.mark.parametrize("whole", [10**9, 0])  # all shuffled, or drawn
def test_only_pairs_within_the_window_come(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_WHOLE", whole)
    vectors = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = np.nan  # an image that could not be read
    classes = np.arange(40) % 2
    wanted = {(a, b) for a, b in all_pairs(classes) if 0.2 <= float(vectors[a] @ vectors[b]) <= 0.6}
    found = drawn(pairs.draw(classes, 1_000, seed=3, vectors=vectors, window=(0.2, 0.6)))
    assert len(found) == len(set(found)) and set(found) == wanted
    assert len(drawn(pairs.draw(classes, 5, seed=3, vectors=vectors, window=(0.2, 0.6)))) == 5


def test_very_many_pictures_are_drawn_from_without_counting_out_their_pairs() -> None:
    classes = np.arange(280_000) % 5
    found = pairs.draw(classes, 20_000, seed=1)
    assert len(np.unique(found, axis=0)) == 20_000
    assert (found[:, 0] != found[:, 1]).all() and (classes[found[:, 0]] == classes[found[:, 1]]).all()
    assert drawn(pairs.draw(classes, 100, seed=1)) == drawn(found[:100])


def test_one_picture_makes_no_pair() -> None:
    assert pairs.draw(np.array([0]), 5, seed=1).shape == (0, 2)
    assert pairs.draw(np.array([0, 1, 2]), 5, seed=1).shape == (0, 2)
