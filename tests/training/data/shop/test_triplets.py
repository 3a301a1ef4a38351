"""Triplets of a shop: few changes each, all of them said, and every product that satisfies them known."""

import numpy as np

from tests.training.data.shop import shop
from training.data.shop import triplets
from training.data.shop.dataset import satisfying
from training.data.shop.looks import FAR, Looks


def test_a_text_says_all_and_only_the_changes() -> None:
    products = shop.made()
    looks = Looks(products)
    drawn = triplets.draw(products, looks, 200, seed=1, wording="train")
    assert len({(each.reference, each.text) for each in drawn}) == len(drawn) > 30
    for each in drawn:
        before, after = products[each.reference].looks, products[each.target].looks
        changed = {name for name in looks.names if before.get(name) != after.get(name)}
        assert changed == {name for name, said in zip(looks.names, each.said, strict=True) if said}
        assert 1 <= len(changed) <= 3
        for name in changed:
            assert after.get(name, name) in each.text


def test_an_attribute_that_a_kind_never_has_is_not_asked_for() -> None:
    products = shop.made()
    drawn = triplets.draw(products, Looks(products), 200, seed=1, wording="train")
    collars = [each for each in drawn if "collar" in each.text]
    assert collars and all(products[each.reference].looks["category"] == "dress" for each in collars)


def test_the_same_seed_draws_the_same_triplets() -> None:
    products = shop.made()
    one, two = (triplets.draw(products, Looks(products), 20, seed=3, wording="train") for _ in range(2))
    assert [(each.reference, each.target, each.text) for each in one] == [
        (each.reference, each.target, each.text) for each in two
    ]


def test_products_that_satisfy_a_text_are_those_of_a_plain_comparison() -> None:
    products = shop.made()
    looks = Looks(products)
    for each in triplets.draw(products, looks, 40, seed=2, wording="held-out"):
        target = products[each.target].looks
        expected = [row for row, product in enumerate(products) if product.looks == target and row != each.reference]
        assert satisfying(looks, each).tolist() == expected


def test_misses_count_what_is_said_far_more_than_the_rest() -> None:
    products = shop.made()
    looks = Looks(products)
    each = triplets.draw(products, looks, 1, seed=2, wording="train")[0]
    target = products[each.target].looks
    expected = []
    for product in products:
        wrong = {name for name in looks.names if product.looks.get(name) != target.get(name)}
        expected.append(sum(FAR if each.said[looks.names.index(name)] else 1 for name in wrong))
    assert looks.misses(wanted=each.wanted, said=each.said).tolist() == expected


def test_products_that_are_all_alike_have_no_triplet() -> None:
    products = [shop.made()[0]] * 5
    assert triplets.draw(products, Looks(products), 10, seed=1, wording="train") == []
    assert not np.any(Looks(products).distances(0))
