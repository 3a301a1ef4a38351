"""Modification texts: satisfied by the changed product, never by the reference, and strict about the rest."""

import hashlib
import re
from collections import Counter
from random import Random

import pytest

from training.catalogue.language.modification import Modification, modification, towards
from training.catalogue.language.nouns import NOUNS
from training.catalogue.world.sample import apply_changes, held_out, product
from training.catalogue.world.world import CATEGORIES, NONE, ORDERED, PLAIN, Product

SHOP = [product(index, split="test", seed=7) for index in range(3000)]
ASKED = [modification(product, Random(f"modification/{product.id}"), split="test") for product in SHOP]


def thing(category: str, **look: str) -> Product:
    return Product("x", category, look, "Cove", 9.9, True, "everyone", 1)


MUG = thing("mug", colour="grey", pattern="dotted", second_colour="red", handle="round", height="tall")


def test_the_changed_product_satisfies_the_text_and_the_reference_never_does() -> None:
    for reference, asked in zip(SHOP, ASKED, strict=True):
        target = apply_changes(reference, asked.changes, id="x", picture_seed=5)
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
        assert asked.wish.allowed[name] == set(further) - {"sleeveless"}
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


SNEAKERS = {
    closure: thing("sneakers", colour="red", pattern=PLAIN, closure=closure, top="low")
    for closure in ("laces", "velcro", "slip-on")
}
STRIPED, PINSTRIPED, DOTTED = (
    thing("mug", colour="grey", pattern=pattern, second_colour="red", handle="round", height="tall")
    for pattern in ("striped", "pinstriped", "dotted")
)


def between(reference: Product, target: Product, count: int = 150) -> list[Modification]:
    return [towards(reference, target, Random(seed)) for seed in range(count)]


def plainly(asked: Modification) -> str:
    return asked.spelt.lower().replace("-", " ")


def test_no_laces_is_said_of_laced_shoes_only_and_means_velcro_too() -> None:
    said = between(SNEAKERS["laces"], SNEAKERS["slip-on"])
    laceless = [asked for asked in said if re.search("(no|without) laces|laceless", plainly(asked))]
    assert 20 < len(laceless) < 150
    assert all(asked.wish.allowed["closure"] == {"slip-on", "velcro"} for asked in laceless)
    for asked in between(SNEAKERS["velcro"], SNEAKERS["slip-on"]):
        assert asked.wish.allowed["closure"] == {"slip-on"}
        assert "lace" not in asked.spelt


def test_bare_stripes_mean_both_ways_and_are_never_asked_of_striped_things() -> None:
    bare_words = re.compile(
        r"(?<!horizontally )(?<!vertically )(?<!horizontal )(?<!vertical )\b(striped|stripey?|stripes|stripy)\b"
    )
    said = between(DOTTED, STRIPED)
    assert all(
        asked.wish.allowed["pattern"]
        == ({"striped", "pinstriped"} if bare_words.search(plainly(asked)) else {"striped"})
        for asked in said
    )
    assert len({asked.wish.allowed["pattern"] for asked in said}) == 2
    for reference, target in ((STRIPED, PINSTRIPED), (PINSTRIPED, STRIPED)):
        for asked in between(reference, target):
            assert not bare_words.search(plainly(asked)), asked.spelt
            assert asked.wish.allowed["pattern"] == {target.look["pattern"]}


def test_no_modification_says_two_tone() -> None:
    assert not any("two tone" in plainly(asked) for asked in ASKED)


def test_another_category_is_never_called_the_same() -> None:
    sweater = thing("sweater", colour="red", pattern=PLAIN, neckline="round", sleeve="long", length="long")
    skirt = thing("skirt", colour="red", pattern=PLAIN, length="long", fit="wide", closure=NONE)
    for asked in between(sweater, skirt, 400):
        assert not re.search(r"(same|this|similar|that) skirt", asked.spelt), asked.spelt
        assert not re.search(r"same as a", asked.spelt), asked.spelt
        assert "instead of a skirt" not in asked.spelt


@pytest.mark.parametrize("category", ["boots", "shorts", "trousers", "sneakers", "heels"])
def test_plural_things_are_those(category: str) -> None:
    references = [product for product in SHOP if product.category == category][:120]
    texts = [
        towards(one, apply_changes(one, {"colour": "red"}, id="x", picture_seed=1), Random(7)).spelt
        for one in references
        if one.look["colour"] not in ("red", "pink", "burgundy")
    ]
    texts += [
        asked.spelt
        for reference, asked in zip(SHOP, ASKED, strict=True)
        if reference.category == category and "category" not in asked.kinds
    ]
    nouns = "|".join(noun.text for noun in NOUNS[category])
    assert not [text for text in texts if re.search(rf"\b(that|this) ({nouns})\b", text)]
    assert not [text for text in texts if re.search(r"\b(make|want|like) it\b", text)]


def many() -> list[Modification]:
    """Return a wide choice of texts, to check phrases that none may contain."""
    return ASKED + [modification(product, Random(f"more/{product.id}"), split="test") for product in SHOP]


@pytest.mark.slow
def test_what_one_thing_is_instead_of_is_never_left_open() -> None:
    for asked in many():
        parts = re.split(" instead of | rather than ", asked.spelt)
        assert len(parts) <= 2, asked.spelt
        if len(parts) == 2:
            assert " and " not in parts[1], asked.spelt
            assert not re.search(" (with|without|in|as) ", parts[1]), asked.spelt
            assert "instead" not in parts[1], asked.spelt


def test_the_colour_of_the_thing_is_not_said_of_a_part() -> None:
    red, navy = (
        thing("sneakers", colour=colour, pattern=PLAIN, closure=closure, top="low")
        for colour, closure in (("red", "slip-on"), ("navy", "laces"))
    )
    for asked in between(red, navy, 800):
        assert not re.search(r"(?i)with [^,]*(?<! and) in (navy|dark)", asked.spelt), asked.spelt


def test_with_stays_before_no_after_a_verb() -> None:
    for asked in many():
        assert not re.search(
            r"(?i)\b(want|like|get|have|need|make|this|these) (it|them|this|these) no ", asked.spelt
        ), asked.spelt
        assert not re.search(r"(?i)^(please|this|these|want this) no ", asked.spelt), asked.spelt


@pytest.mark.slow
def test_what_stands_before_one_can_stand_there() -> None:
    for asked in many():
        assert not re.search(r"\b(in colou?r|a bit \w+|at the ankle) ones?\b", asked.spelt), asked.spelt
        words = "pencil|ankle|bucket(?!.shaped)|bermuda|tripod"
        assert not re.search(rf"(make it|make them|is|are|but) ({words})( |,|$)", asked.spelt), asked.spelt
        assert not re.search(r"\bones? and (with|in|without)\b", asked.spelt), asked.spelt


def test_an_adjective_is_never_glued_to_the_next_thing() -> None:
    # Every comma of a plain text that separates an adjective from a noun must be there.
    hat = thing("hat", colour="black", pattern=PLAIN, brim="narrow", crown="round", band=NONE)
    other = thing("hat", colour="red", pattern=PLAIN, brim="narrow", crown="round", band="ribbon")
    for asked in between(hat, other, 600):
        assert not re.search(r"\b(red|scarlet) ribbon", asked.spelt), asked.spelt
    darker = thing("hat", colour="grey", pattern=PLAIN, brim="narrow", crown="round", band="ribbon")
    white = thing("hat", colour="white", pattern=PLAIN, brim="narrow", crown="round", band=NONE)
    for asked in between(white, darker, 600):
        assert not re.search(r"\b(darker|grey|gray) ribbon", asked.spelt), asked.spelt


def test_shorter_sleeves_are_still_sleeves() -> None:
    long, short = (
        thing("dress", colour="red", pattern=PLAIN, sleeve=sleeve, length="long", neckline="round", fit="slim")
        for sleeve in ("long", "short")
    )
    shorter = [asked for asked in between(long, short) if asked.kinds == ("comparative",)]
    assert shorter
    assert all(asked.wish.allowed["sleeve"] == {"short", "three-quarter"} for asked in shorter)


def test_the_colour_of_a_two_coloured_thing_says_which_half() -> None:
    blue, red = (
        thing("mug", colour=colour, pattern="colour-block", second_colour="white", handle="round", height="tall")
        for colour in ("blue", "red")
    )
    assert all(re.search("half|part|change|swap", asked.spelt.lower()) for asked in between(blue, red))


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
        hashlib.sha256(text.encode()).hexdigest() == "760c0cc58fb46f5a19ac738f716fe2a50d038b996561f89cbd03bcde5b91d106"
    )
