"""Random products: the same on every machine, valid, and no held-out combination in train and val."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from training.catalogue.world.colour_families import darker, distinct, lighter, second_colours
from training.catalogue.world.sample import SPLITS, apply_changes, catalogue, draw_changes, held_out, product
from training.catalogue.world.world import (
    AUDIENCES,
    BRANDS,
    CATEGORIES,
    COLOUR_FAMILIES,
    COLOURS,
    PATTERNS,
    PLAIN,
    Product,
)


def assert_valid(product: Product) -> None:
    names = {"colour", "pattern", *CATEGORIES[product.category].attributes}
    if product.look["pattern"] != PLAIN:
        names.add("second_colour")
        assert distinct(product.look["colour"], product.look["second_colour"])
    assert set(product.look) == names
    assert product.look["colour"] in COLOURS
    assert product.look["pattern"] in PATTERNS
    for name, values in CATEGORIES[product.category].attributes.items():
        assert product.look[name] in values
    assert product.brand in BRANDS
    assert product.audience in AUDIENCES
    assert 4 <= product.price < 700
    assert round(product.price % 1, 2) in (0.90, 0.95, 0.99)


@pytest.mark.parametrize("split", SPLITS)
def test_every_product_has_exactly_the_attributes_of_its_category(split: str) -> None:
    for index in range(1500):
        assert_valid(product(index, split=split, seed=3))


def test_a_product_follows_from_seed_split_and_index_alone() -> None:
    one = product(12, split="test", seed=7)
    assert one == product(12, split="test", seed=7)
    assert one.id == "te-0000012"
    assert one.look != product(12, split="test", seed=8).look or one != product(12, split="val", seed=7)


def test_a_known_product_stays_what_it_was() -> None:
    known = product(1, split="test", seed=7)
    assert (known.category, known.brand, known.price, known.picture_seed) == ("t-shirt", "Cove", 19.95, 1910265838)
    assert dict(known.look) == {
        "colour": "orange",
        "pattern": "starred",
        "second_colour": "green",
        "sleeve": "short",
        "neckline": "v-neck",
        "length": "long",
        "pockets": "none",
    }


def test_every_category_and_colour_loses_some_combinations_but_not_most() -> None:
    lost = [(category, colour) for category in CATEGORIES for colour in COLOURS if held_out(category, colour)]
    assert 0.06 < len(lost) / (len(CATEGORIES) * len(COLOURS)) < 0.10
    by_category, by_colour = Counter(category for category, _ in lost), Counter(colour for _, colour in lost)
    assert set(by_category) == set(CATEGORIES)
    assert set(by_colour) == set(COLOURS)
    assert max(by_category.values()) <= 2
    assert max(by_colour.values()) <= 2


def test_held_out_combinations_are_only_in_the_test_split() -> None:
    def share(split: str) -> float:
        shop = catalogue(2000, split=split, seed=5)
        return sum(held_out(product.category, product.look["colour"]) for product in shop) / len(shop)

    assert share("train") == share("val") == 0
    assert 0.05 < share("test") < 0.12


def test_plain_things_and_things_in_stock_are_as_common_as_stated() -> None:
    shop = [product(index, split="test", seed=1) for index in range(4000)]
    assert sum(product.look["pattern"] == PLAIN for product in shop) / 4000 == pytest.approx(0.38, abs=0.03)
    assert sum(product.in_stock for product in shop) / 4000 == pytest.approx(0.92, abs=0.02)


@pytest.mark.parametrize("split", SPLITS)
def test_a_changed_product_is_valid_and_keeps_the_rest(split: str) -> None:
    for index in range(1500):
        base = product(index, split=split, seed=3)
        drawn = draw_changes(base, Random(index), split=split)
        other = apply_changes(base, drawn, id="x", picture_seed=index)
        assert_valid(other)
        assert 1 <= len({*drawn} - {"second_colour"}) + ("second_colour" in drawn and "pattern" not in drawn) <= 3
        assert all(other.facts()[name] == value for name, value in drawn.items())
        entailed = {"second_colour"} if "pattern" in drawn else set()
        for name, value in base.look.items():
            if name in other.look and name not in drawn and name not in entailed and "category" not in drawn:
                assert other.look[name] == value
        assert other != base


def test_another_category_keeps_the_attributes_that_both_have() -> None:
    dress = next(p for p in (product(i, split="test", seed=1) for i in range(999)) if p.category == "dress")
    skirt = apply_changes(dress, {"category": "skirt"}, id="x", picture_seed=1)
    assert skirt.category == "skirt"
    assert {"neckline", "sleeve"}.isdisjoint(skirt.look)
    for name in ("colour", "pattern", "length", "fit"):
        assert skirt.look[name] == dress.look[name]


def test_plain_loses_the_second_colour_and_a_pattern_gains_one() -> None:
    shop = [product(index, split="test", seed=1) for index in range(50)]
    for thing in shop:
        plain = apply_changes(thing, {"pattern": PLAIN}, id="x", picture_seed=1)
        assert "second_colour" not in plain.look
        assert "second_colour" in apply_changes(plain, {"pattern": "dotted"}, id="y", picture_seed=2).look


@pytest.mark.parametrize("count", [1, 2, 301])
def test_a_shop_has_the_asked_number_of_products_each_id_once(count: int) -> None:
    shop = catalogue(count, split="test", seed=7)
    assert len(shop) == len({product.id for product in shop}) == count
    assert shop == catalogue(count, split="test", seed=7)


def test_half_of_a_shop_are_siblings_of_the_other_half() -> None:
    shop = {product.id: product for product in catalogue(400, split="test", seed=7)}
    siblings = [id for id in shop if id.endswith("-1")]
    assert len(siblings) == 200
    for id in siblings:
        base, sibling = shop[id.removesuffix("-1")], shop[id]
        assert base.facts() != sibling.facts()


def test_darker_and_lighter_move_within_one_family() -> None:
    assert darker("pink") == ("red", "burgundy")
    assert lighter("black") == ("grey", "white")
    assert darker("navy") == lighter("light blue") == darker("orange") == ()
    for family in COLOUR_FAMILIES:
        for one, other in pairwise(family):
            assert not distinct(one, other)
    assert all(len(second_colours(colour)) >= 5 for colour in COLOURS)
