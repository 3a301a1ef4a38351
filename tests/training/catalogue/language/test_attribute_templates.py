"""Template texts name every difference, read back here word by word, each always in the same words."""

import re

from training.catalogue.language import attribute_templates
from training.catalogue.triplets import triplets
from training.catalogue.world.sample import apply_changes, catalogue, product
from training.catalogue.world.world import CATEGORIES, NONE, Product

SHOP = catalogue(900, split="test", seed=4)
BY_ID = {thing.id: thing for thing in SHOP}
_DETAILS = sorted({name for category in CATEGORIES.values() for name in category.attributes})
NAMES = ("second colour", "colour", "pattern", *_DETAILS)


def read_back(text: str) -> dict[str, tuple[str | None, str]]:
    """Return the name of each difference, and its old and new value; no old one if the text has none."""
    found: dict[str, tuple[str | None, str]] = {}
    for phrase in re.split(", | and ", text):
        thing, _, old = phrase.partition(" instead of ")
        role, _, said = thing.partition(" ")
        if role == "without":
            found[said] = (None, NONE)
        elif role == "with":
            name = next(name for name in NAMES if said.endswith(name))
            found[name] = (old or None, said.removesuffix(name).strip() or name)
        else:
            found["category"] = (old, thing)
    return found


def differences(reference: Product, target: Product) -> dict[str, tuple[str | None, str]]:
    before, after = reference.facts(), target.facts()
    found = {}
    for name in {**before, **after}:
        old, new = before.get(name, NONE), after.get(name, NONE)
        if old != new and not (name == "second_colour" and new == NONE):
            found[name.replace("_", " ")] = (None if NONE in (old, new) else old, new)
    return found


def test_every_difference_within_a_category_is_said_and_nothing_else() -> None:
    seen = 0
    for one in triplets(SHOP, 500, seed=1):
        reference, target = BY_ID[one.reference], BY_ID[one.target]
        if reference.category != target.category:
            continue
        assert read_back(attribute_templates.text(reference, target, one.kinds)) == differences(reference, target)
        seen += 1
    assert seen > 400


def test_another_category_names_its_paint_and_the_details_of_the_triplet() -> None:
    details = 0
    for one in triplets(SHOP, 900, seed=2):
        reference, target = BY_ID[one.reference], BY_ID[one.target]
        if reference.category == target.category:
            continue
        found = read_back(attribute_templates.text(reference, target, one.kinds))
        asked = set(CATEGORIES[target.category].attributes) & set(one.kinds)
        paint = {name: said for name, said in differences(reference, target).items() if name in NAMES[:3]}
        assert found == {
            "category": (reference.category, target.category),
            **paint,
            **{name: (None, target.look[name]) for name in asked},
        }
        details += bool(asked)
    assert details


def test_a_difference_is_always_said_in_the_same_words() -> None:
    shirt = next(
        thing for number in range(999) if (thing := product(number, split="train", seed=1)).category == "shirt"
    )
    plain = apply_changes(shirt, {"pattern": "plain", "colour": "red", "pockets": "chest"}, id="a", picture_seed=0)
    navy = apply_changes(plain, {"colour": "navy", "pockets": NONE}, id="b", picture_seed=0)
    dotted = apply_changes(plain, {"pattern": "dotted", "second_colour": "white"}, id="c", picture_seed=1)
    assert attribute_templates.text(plain, navy, ()) == "with navy colour instead of red and without pockets"
    assert attribute_templates.text(navy, plain, ()) == "with red colour instead of navy and with chest pockets"
    assert (
        attribute_templates.text(plain, dotted, ())
        == "with dotted pattern instead of plain and with white second colour"
    )
    assert attribute_templates.text(dotted, plain, ()) == "with plain pattern instead of dotted"
