"""Texts from two captions: they name the differences, and depend only on the pair and the seed."""

from dataclasses import replace

import pytest

from models.errors import ModelRefused
from training.catalogue import generated_texts
from training.catalogue.language import attribute_templates
from training.catalogue.triplets import triplets
from training.catalogue.world.sample import catalogue
from training.triplets import filter

SHOP = catalogue(600, split="test", seed=4)
BY_ID = {product.id: product for product in SHOP}
PAIRS = [(BY_ID[one.reference], BY_ID[one.target]) for one in triplets(SHOP, 200, seed=4)]


def test_every_pair_of_a_query_has_a_text_that_the_filter_lets_through() -> None:
    for pair in PAIRS:
        assert filter.rejected(generated_texts.text(*pair, seed=4), words=12, captions=("", "")) is None


def test_the_pair_and_the_seed_alone_choose_it() -> None:
    first = [generated_texts.text(*pair, seed=4) for pair in PAIRS]
    assert first == [generated_texts.text(*pair, seed=4) for pair in reversed(PAIRS)][::-1]
    assert first != [generated_texts.text(*pair, seed=5) for pair in PAIRS]
    assert len(set(first)) > 150


def test_what_differs_in_the_products_is_mostly_what_it_names() -> None:
    reds = [replace(one, look={**one.look, "colour": "red"}) for one, _ in PAIRS]
    yellows = [replace(one, id="other", look={**one.look, "colour": "yellow"}) for one in reds]
    said = [generated_texts.text(*pair, seed=4) for pair in zip(reds, yellows, strict=True)]
    assert sum("yellow" in text for text in said) / len(said) > 0.9


def test_a_pair_whose_captions_never_differ_is_told_apart_by_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated_texts, "_LOOKS", 0)
    for pair in PAIRS:
        assert generated_texts.text(*pair, seed=4) == attribute_templates.text(*pair, ()) != ""


def test_products_that_look_the_same_are_refused() -> None:
    product = PAIRS[0][0]
    with pytest.raises(ModelRefused):
        generated_texts.text(product, product, seed=4)
