"""Typos: one wrong word in a few texts, never another word of the world."""

import re
from random import Random

import pytest

from training.catalogue.language.modification import modification
from training.catalogue.language.nouns import vocabulary
from training.catalogue.language.spelling import add_typo
from training.catalogue.world.sample import product

SHOP = [product(index, split="test", seed=7) for index in range(3000)]
ASKED = [modification(product, Random(f"modification/{product.id}"), split="test") for product in SHOP]


def test_about_six_in_a_hundred_texts_have_one_slip() -> None:
    slipped = [asked for asked in ASKED if asked.text != asked.spelt]
    assert len(slipped) / len(ASKED) == pytest.approx(0.06, abs=0.012)
    for asked in slipped:
        ours, theirs = asked.spelt.split(), asked.text.split()
        assert len(ours) == len(theirs)
        assert sum(one != other for one, other in zip(ours, theirs, strict=True)) == 1


def test_a_slip_keeps_first_and_last_letter_and_short_words() -> None:
    assert add_typo("in red", Random(1)) == "in red"
    for seed in range(300):
        wrong = add_typo("longer sleeves", Random(seed))
        assert wrong != "longer sleeves"
        for right, word in zip(("longer", "sleeves"), wrong.split(), strict=True):
            assert (word[0], word[-1]) == (right[0], right[-1])
            assert abs(len(word) - len(right)) <= 1


def test_a_slip_makes_no_other_word_of_ours() -> None:
    ours = {word for phrase in vocabulary() for word in re.findall("[a-z]+", phrase.lower())}
    assert {"short", "shirt", "black", "back", "sand", "stand"} <= ours
    for word in ("short", "stand", "black", "straps", "shorts", "boots"):
        for seed in range(400):
            assert add_typo(f"a {word}", Random(seed)).split()[1] not in ours
