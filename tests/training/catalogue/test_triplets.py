"""Triplets over a gallery, against a plain loop over all products."""

import time
from random import Random

import pytest

from training.catalogue.language.modification import modification
from training.catalogue.triplets import FAR, Facts, Triplet, drift_targets, triplets
from training.catalogue.world.sample import catalogue, product
from training.catalogue.world.world import Wish

SHOP = catalogue(900, split="test", seed=4)


def test_the_table_of_facts_agrees_with_asking_each_product() -> None:
    facts = Facts(SHOP)
    for place, thing in enumerate(SHOP[:300]):
        wish = modification(thing, Random(place), split="test").wish
        assert facts.accepted(wish).tolist() == [wish.accepts(other) for other in SHOP]


@pytest.mark.parametrize("value", ["none", "no such value"])
def test_an_attribute_that_no_product_has_is_none(value: str) -> None:
    mugs = [thing for thing in SHOP if thing.category == "mug"]
    wish = Wish({"neckline": frozenset((value,))})
    assert Facts(mugs).accepted(wish).tolist() == [wish.accepts(mug) for mug in mugs]


def test_misses_count_what_the_words_ask_for_and_the_category_more_than_what_they_leave_unsaid() -> None:
    facts = Facts(SHOP)
    for place, thing in enumerate(SHOP[:200]):
        wish = modification(thing, Random(place), split="test").wish
        expected = []
        for other in SHOP:
            missed = [name for name, values in wish.allowed.items() if other.facts().get(name, "none") not in values]
            far = [name for name in missed if name == "category" or name not in wish.unsaid]
            expected.append(FAR * len(far) + len(missed) - len(far))
        assert facts.misses(wish).tolist() == expected
        assert facts.misses(wish)[place] >= FAR  # the reference is never what the words ask for


def test_a_triplet_knows_every_item_that_satisfies_it_and_not_its_reference() -> None:
    by_id = {thing.id: thing for thing in SHOP}
    found = triplets(SHOP, 300, seed=1)
    assert len(found) == len({(triplet.reference, triplet.text) for triplet in found}) == 300
    for triplet in found:
        assert triplet.target in triplet.satisfying
        assert triplet.reference not in triplet.satisfying
        assert 1 <= len(triplet.kinds) <= 3
        looks = {tuple(sorted(by_id[id].facts().items())) for id in triplet.satisfying}
        # A product that looks like a satisfying one satisfies the text too.
        alike = {thing.id for thing in SHOP if tuple(sorted(thing.facts().items())) in looks}
        assert alike == set(triplet.satisfying)


def test_the_kinds_of_question_are_mixed() -> None:
    found = triplets(SHOP, 600, seed=1)
    share = {
        kind: sum(kind in triplet.kinds for triplet in found) / len(found) for kind in ("colour", "category", "removal")
    }
    assert 0.2 < share["colour"] < 0.7
    assert 0.03 < share["category"] < 0.25
    assert 0.05 < share["removal"] < 0.3


def test_the_same_seed_gives_the_same_triplets() -> None:
    assert triplets(SHOP, 50, seed=1) == triplets(SHOP, 50, seed=1)
    assert triplets(SHOP, 50, seed=1) != triplets(SHOP, 50, seed=2)


def test_a_gallery_without_answers_has_no_triplets() -> None:
    assert triplets([], 5, seed=1) == []
    assert triplets([product(1, split="test", seed=1)], 5, seed=1) == []
    twins = [product(1, split="test", seed=1)] * 2
    assert triplets(twins, 5, seed=1) == []


@pytest.mark.slow
def test_a_large_gallery_is_asked_in_seconds() -> None:
    shop = catalogue(7000, split="test", seed=7)
    start = time.perf_counter()
    assert len(triplets(shop, 2000, seed=7)) == 2000
    assert time.perf_counter() - start < 20  # half a second on an idle machine


def test_drifted_triplets_keep_their_text_and_mostly_change_their_target() -> None:
    by_id = {thing.id: thing for thing in SHOP}
    found = triplets(SHOP, 400, seed=1)
    low = drift_targets(SHOP, found, share=0.7, seed=1)
    assert [(one.reference, one.text, one.kinds) for one in low] == [
        (one.reference, one.text, one.kinds) for one in found
    ]
    for was, now in zip(found, low, strict=True):
        assert now == was or now.satisfying == (now.target,)
        assert now.target != now.reference
    moved = [
        (by_id[was.target], by_id[now.target]) for was, now in zip(found, low, strict=True) if was.target != now.target
    ]
    assert 0.5 < len(moved) / len(found) < 0.75  # a few have no similar product to move to
    for before, after in moved:
        assert before.category == after.category and before.facts() != after.facts()


def test_drift_is_the_same_from_the_same_seed() -> None:
    found = triplets(SHOP, 50, seed=1)
    once, again, other = (drift_targets(SHOP, found, share=0.7, seed=seed) for seed in (1, 1, 2))
    assert once == again != other


def test_a_triplet_whose_target_is_alone_does_not_drift() -> None:
    pair = [product(1, split="test", seed=1), product(2, split="test", seed=1)]
    only = Triplet(reference=pair[0].id, text="it", target=pair[1].id, satisfying=(pair[1].id,), kinds=("colour",))
    assert drift_targets(pair, [only] * 20, share=0.7, seed=1) == [only] * 20
