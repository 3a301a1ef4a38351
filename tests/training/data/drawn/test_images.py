"""The drawn world as training data: cached pictures are the products' own, words are new each epoch."""

from pathlib import Path

import numpy as np
import pytest

from models.preprocess import Resize
from training.data.drawn import images


@pytest.mark.slow
def test_cached_pictures_are_those_of_the_products_one_by_one(tmp_path: Path) -> None:
    cached = images.pixels(7, split="val", seed=3, size=48, cache=tmp_path)
    one_by_one = [images.product_pixels(product, Resize(48)) for product in images.products(7, split="val", seed=3)]
    np.testing.assert_array_equal(cached, np.stack(one_by_one))
    again = images.pixels(7, split="val", seed=3, size=48, cache=tmp_path)
    np.testing.assert_array_equal(cached, again)
    assert len(list(tmp_path.iterdir())) == 1


def test_captions_are_new_each_epoch_and_the_same_for_the_same_epoch() -> None:
    products = images.products(50, split="train", seed=3)
    first = images.captions(products, seed=1, epoch=0)
    assert first == images.captions(products, seed=1, epoch=0)
    second = images.captions(products, seed=1, epoch=1)
    assert sum(one.text != other.text for one, other in zip(first, second, strict=True)) > 40
    assert all(phrase.wish.accepts(product) for phrase, product in zip(first, products, strict=True))
