"""Modification texts: satisfied by the changed product, never by the reference, and strict about the rest."""

import hashlib
from collections import Counter
from random import Random

import pytest

from training.catalogue.modify import modification, towards
from training.catalogue.sample import changed, held_out, product
from training.catalogue.spelling import misspelt
from training.catalogue.world import CATEGORIES, NONE, ORDERED, PLAIN, Product

SHOP = [product(index, split="test", seed=7) for index in range(3000)]
ASKED = [modification(product, Random(f"modification/{product.id}"), split="test") for product in SHOP]


def thing(category: str, **look: str) -> Product:
    return Product("x", category, look, "Cove", 9.9, True, "everyone", 1)


MUG = thing("mug", colour="grey", pattern="dotted", second_colour="red", handle="round", height="tall")


def test_the_changed_product_satisfies_the_text_and_the_reference_never_does() -> None:
    for reference, asked in zip(SHOP, ASKED, strict=True):
        target = changed(reference, asked.changes, id="x", picture_seed=5)
        assert asked.wish.accepts(target), (reference, asked)
        assert not asked.wish.accepts(reference), (reference, asked)


def test_everything_not_spoken_of_stays_as_it_was() -> None:
    for reference, asked in zip(SHOP, ASKED, strict=True):
        facts = reference.facts()
        free = set()
        if "category" in asked.changes:
            free = set(facts) - {"category", "colour", "pattern", "second_colour"}
        if asked.changes.get("pattern") == PLAIN:
            free.add("second_colour")
        for name in set(facts) - free - set(asked.changes):
            assert asked.wish.allowed[name] == {facts[name]}, (reference, asked)
        for name in free - set(asked.changes):
            assert name not in asked.wish.allowed


def test_a_comparative_allows_every_value_further_along() -> None:
    seen: Counter[str] = Counter()
    for reference, asked in zip(SHOP, ASKED, strict=True):
        if asked.kinds != ("comparative",):
            continue
        ((name, value),) = asked.changes.items()
        if name == "colour":
            continue
        order = [known for known in ORDERED[name] if known in CATEGORIES[reference.category].attributes[name]]
        old = order.index(reference.look[name])
        further = order[old + 1 :] if order.index(value) > old else order[:old]
        assert asked.wish.allowed[name] == set(further)
        seen[name] += 1
    assert len(seen) >= 6


def test_darker_allows_every_darker_colour_of_the_family() -> None:
    pink = thing("mug", colour="pink", pattern=PLAIN, handle="round", height="tall")
    red = thing("mug", colour="red", pattern=PLAIN, handle="round", height="tall")
    asked = [towards(pink, red, Random(seed)) for seed in range(40)]
    darker = [one for one in asked if one.kinds == ("comparative",)]
    assert 10 < len(darker) < 35
    assert all(one.wish.allowed["colour"] == {"red", "burgundy"} for one in darker)
    assert all("darker" in one.spelt for one in darker)


def test_a_removed_pattern_takes_its_second_colour_along() -> None:
    plain = thing("mug", colour="grey", pattern=PLAIN, handle="round", height="tall")
    asked = towards(MUG, plain, Random(1))
    assert asked.kinds == ("removal",)
    assert "second_colour" not in asked.wish.allowed
    assert asked.wish.accepts(plain)


def test_a_new_pattern_keeps_the_second_colour_of_the_old_one() -> None:
    striped = thing("mug", colour="grey", pattern="striped", second_colour="red", handle="round", height="tall")
    other = thing("mug", colour="grey", pattern="striped", second_colour="green", handle="round", height="tall")
    asked = towards(MUG, striped, Random(1))
    assert asked.wish.accepts(striped)
    assert not asked.wish.accepts(other)


def test_two_colours_at_once_may_stand_either_way_round_but_not_as_they_were() -> None:
    recoloured = thing("mug", colour="white", pattern="dotted", second_colour="green", handle="round", height="tall")
    pairs = [one for seed in range(30) if (one := towards(MUG, recoloured, Random(seed))).kinds == ("colours",)]
    assert pairs
    for asked in pairs:
        assert asked.wish.allowed["colour"] == asked.wish.allowed["second_colour"] == {"white", "green"}
    swapped = thing("mug", colour="red", pattern="dotted", second_colour="grey", handle="round", height="tall")
    for seed in range(30):
        asked = towards(MUG, swapped, Random(seed))
        assert asked.wish.accepts(swapped)
        assert not asked.wish.accepts(MUG)


def test_another_category_keeps_colour_and_pattern_and_frees_the_rest() -> None:
    dress = thing("dress", colour="red", pattern=PLAIN, sleeve="long", length="long", neckline="round", fit="slim")
    skirt = thing("skirt", colour="red", pattern=PLAIN, length="short", fit="wide", closure=NONE)
    asked = next(one for seed in range(9) if (one := towards(dress, skirt, Random(seed))).kinds == ("category",))
    assert asked.wish.allowed == {"category": {"skirt"}, "colour": {"red"}, "pattern": {PLAIN}}
    assert "skirt" in asked.text


def test_training_never_asks_for_a_held_out_combination() -> None:
    for index in range(1500):
        reference = product(index, split="train", seed=2)
        asked = modification(reference, Random(index))
        facts = {**reference.facts(), **asked.changes}
        assert not held_out(facts["category"], facts["colour"])


def test_about_six_in_a_hundred_texts_have_one_slip() -> None:
    slipped = [asked for asked in ASKED if asked.text != asked.spelt]
    assert len(slipped) / len(ASKED) == pytest.approx(0.06, abs=0.012)
    for asked in slipped:
        ours, theirs = asked.spelt.split(), asked.text.split()
        assert len(ours) == len(theirs)
        assert sum(one != other for one, other in zip(ours, theirs, strict=True)) == 1


def test_a_slip_keeps_first_and_last_letter_and_short_words() -> None:
    assert misspelt("in red", Random(1)) == "in red"
    for seed in range(300):
        wrong = misspelt("longer sleeves", Random(seed))
        assert wrong != "longer sleeves"
        for right, word in zip(("longer", "sleeves"), wrong.split(), strict=True):
            assert (word[0], word[-1]) == (right[0], right[-1])
            assert abs(len(word) - len(right)) <= 1


def test_texts_are_short_varied_and_well_spaced() -> None:
    lengths = sorted(len(asked.text.split()) for asked in ASKED)
    assert lengths[-1] <= 22
    assert len({asked.text for asked in ASKED}) > 2800
    for asked in ASKED:
        assert asked.text == " ".join(asked.text.split()), asked.text
        assert " ," not in asked.text
        assert 1 <= len(asked.kinds) <= 3


def test_the_same_lot_gives_the_same_texts_on_every_machine() -> None:
    text = "\n".join(asked.text for asked in ASKED[:200])
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "a8f71d9a4244104159c1c2ed5ad63dee0b75034ccd1a4dba70900bc91c24141c"
    )
