"""Hard negatives: each differs from the target in one visible attribute and does not answer its question."""

import numpy as np
import pytest

from training.catalogue.draw.draw import draw
from training.catalogue.hard_negatives import PER_QUESTION, negatives
from training.catalogue.triplets import answer_questions, draw_questions
from training.catalogue.world.colour_families import distinct
from training.catalogue.world.sample import catalogue, held_out
from training.catalogue.world.world import CATEGORIES, Product

SHOP = catalogue(1_200, split="test", seed=4)
ASKED = draw_questions(SHOP, 600, seed=4)
WRONG = negatives(ASKED, split="test", seed=4)
PAIRS = [(question, one) for question, own in zip(ASKED, WRONG, strict=True) for one in own]


def differing(one: Product, other: Product) -> list[str]:
    mine, theirs = one.facts(), other.facts()
    return [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]


def test_a_negative_differs_from_the_target_in_exactly_one_attribute() -> None:
    for question, one in PAIRS:
        (name,) = differing(question.target, one)
        assert one.facts().keys() == question.target.facts().keys()
        if name not in ("colour", "second_colour", "pattern"):
            assert one.look[name] in CATEGORIES[one.category].attributes[name]


def test_colours_of_negatives_differ_visibly_from_each_other() -> None:
    for question, one in PAIRS:
        for name in ("colour", "second_colour"):
            if name in differing(question.target, one):
                assert distinct(one.look[name], question.target.look[name])
        if "second_colour" in one.look:
            assert distinct(one.look["colour"], one.look["second_colour"])


@pytest.mark.slow
def test_the_difference_is_visible_and_the_rest_of_the_image_is_the_same() -> None:
    seen = set()
    for question, one in PAIRS[::16]:
        (name,) = differing(question.target, one)
        assert one.picture_seed == question.target.picture_seed
        pictures = [draw(product, size=96).astype(np.int16) for product in (one, question.target)]
        apart = np.abs(pictures[0] - pictures[1]).max(axis=-1) > 24  # (96, 96)
        assert apart.mean() > 0.002, (name, question.target.facts(), one.facts())
        seen.add(name)
    assert len(seen) > 12


def test_no_negative_satisfies_its_question() -> None:
    for question, one in PAIRS:
        assert not question.modification.wish.accepts(one)
    gallery = [*SHOP, *(one for own in WRONG for one in own)]
    for question, own, triplet in list(zip(ASKED, WRONG, answer_questions(ASKED, gallery), strict=True))[:60]:
        plain = [
            each.id for each in gallery if question.modification.wish.accepts(each) and each is not question.reference
        ]
        assert list(triplet.satisfying) == plain
        assert not {one.id for one in own} & set(triplet.satisfying)


def test_half_contradict_the_text_and_half_the_image() -> None:
    assert all(len(own) == PER_QUESTION for own in WRONG)
    both = 0
    for question, own in zip(ASKED, WRONG, strict=True):
        told = [
            name for one in own for name in differing(question.target, one) if name in question.modification.changes
        ]
        both += len(told) == PER_QUESTION // 2
        assert len({tuple(one.facts().items()) for one in own}) == PER_QUESTION
    assert both > 0.8 * len(ASKED)


def test_ids_are_new_and_the_same_seed_gives_the_same_negatives() -> None:
    ids = [one.id for _, one in PAIRS]
    assert len({*ids, *(product.id for product in SHOP)}) == len(ids) + len(SHOP)
    assert negatives(ASKED[:40], split="test", seed=4) == WRONG[:40] != negatives(ASKED[:40], split="test", seed=5)


def test_val_holds_no_combination_that_training_never_saw() -> None:
    asked = draw_questions(catalogue(600, split="val", seed=4), 300, seed=4)
    found = [one for own in negatives(asked, split="val", seed=4) for one in own]
    assert len(found) == 300 * PER_QUESTION
    assert not any(held_out(one.category, one.look["colour"]) for one in found)
    assert any(held_out(one.category, one.look["colour"]) for _, one in PAIRS)
