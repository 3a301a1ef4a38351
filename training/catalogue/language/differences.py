"""Differences between a reference and a target, and the wordings of each."""

from collections.abc import Sequence
from random import Random

from training.catalogue.language.change import Change, Ways, ways_by_role
from training.catalogue.language.comparatives import COMPARED
from training.catalogue.language.detail_words import Saying, meaning, saying
from training.catalogue.language.nouns import NOUNS, bare, category_values, with_article
from training.catalogue.language.paint_differences import paint
from training.catalogue.world.world import NONE, ORDERED, Product


def differences(reference: Product, target: Product, random: Random) -> list[Change]:
    """Return every visible difference between the two, in a natural order.

    If the target is of another category, only its colours and pattern count, and sometimes one detail.
    """
    pronoun = "them" if NOUNS[reference.category][0].plural else "it"
    changes = [*paint(reference.look, target.look, pronoun, random)]
    if target.category != reference.category:
        changes.insert(0, _category(reference.category, target.category, pronoun))
        if len(changes) < 3 and random.random() < 0.3:
            name = random.choice(details(target))
            changes.append(_detail(target.category, name, target.look[name], random))
        return changes
    names = [name for name in details(target) if target.look[name] != reference.look[name]]
    random.shuffle(names)
    old, new = reference.look, target.look
    return changes + [_attribute(target.category, name, old[name], new[name], pronoun, random) for name in names]


def details(product: Product) -> tuple[str, ...]:
    """Return the attributes of the product besides its colours and pattern."""
    return tuple(name for name in product.look if category_values(product.category, name))


def _category(old: str, new: str, pronoun: str) -> Change:
    names, old_noun = NOUNS[new], NOUNS[old][0]
    old_name = old_noun.text if old_noun.plural else with_article(old_noun.text)
    ways: Ways = {"category": [""], "as": [], "command": []}
    for noun in names:
        named = noun.text if noun.plural else with_article(noun.text)
        ways["as"] += [f"as {named}", f"as {named}", f"as {named} instead of {old_name}"]
        ways["command"] += [f"turn {pronoun} into {named}", f"change {pronoun} to {named}"]
        if noun.plural == old_noun.plural:  # "make them a sweater" would mean a gift
            ways["command"].append(f"make {pronoun} {named}")
    return Change("category", {"category": frozenset((new,))}, ways)


def _sayings(category: str, name: str, old: str | None, new: str, random: Random) -> tuple[Saying, frozenset[str]]:
    """Return wordings of the new value that are true for the same values and not for the old one, and these values."""
    words = saying(category, name, new)
    every = (*words.adjectives, *words.nouns, *words.remarks)
    means = random.choice([means for word in every if old not in (means := meaning(category, name, new, word))])

    def fitting(choices: Sequence[str]) -> tuple[str, ...]:
        return tuple(word for word in choices if meaning(category, name, new, word) == means)

    return Saying(fitting(words.adjectives), fitting(words.nouns), fitting(words.remarks)), means


def _detail(category: str, name: str, value: str, random: Random) -> Change:
    """Return a change for an attribute that the reference does not have."""
    words, means = _sayings(category, name, None, value, random)
    return Change(name, {name: means}, ways_by_role(words))


_MEASURES = ("length", "fit", "height")  # these are not parts, which could be swapped


def _attribute(category: str, name: str, old: str, new: str, pronoun: str, random: Random) -> Change:
    compared = _compared(category, name, old, new, pronoun)
    if compared is not None and random.random() < 0.45:
        return compared
    words, means = _sayings(category, name, old, new, random)
    had = [bare(noun) for noun in saying(category, name, old).nouns if not noun.startswith("no ")]
    now = [noun for noun in words.nouns if not noun.startswith("no ")]
    ways = ways_by_role(words)
    gone = new == NONE or new == "sleeveless"
    if gone:
        bared = {"sleeve": ["sleeves"], "handle": ["handle"]}.get(name, had)
        if name == "pockets":
            bared = [*had, "pockets" if any(thing.endswith("pockets") for thing in had) else "pocket"]
        ways["remark"] += [f"without the {thing}" for thing in bared]
        ways["command"] = [f"{verb} the {thing}" for thing in bared for verb in ("remove", "lose", "drop", "take off")]
    elif name in _MEASURES:
        ways["command"] = [f"make {pronoun} {word}" for word in ways["adjective"]]
        if had:
            ways["with"] = [*now * 2, *(f"{noun} instead of the {counterpart(noun, had)}" for noun in now)]
    elif had:
        ways["with"] = [*words.nouns * 2, *(f"{noun} instead of the {counterpart(noun, had)}" for noun in now)]
        ways["command"] = [f"swap the {thing} for {noun}" for noun in now for thing in had[:2]]
        ways["command"] += [f"replace the {counterpart(noun, had)} with {noun}" for noun in now]
    else:  # the reference has no such part
        ways["command"] = [command for noun in now for command in (f"add {noun}", f"give {pronoun} {noun}")]
    return Change("removal" if gone else name, {name: means}, ways)


def counterpart(noun: str, had: Sequence[str]) -> str:
    """Return the reference's part in the words of the new one if possible: "a wide fit" gives "the slim fit"."""
    return next((thing for thing in had if thing.split()[-1] == noun.split()[-1]), had[0])


def _compared(category: str, name: str, old: str, new: str, pronoun: str) -> Change | None:
    """Return the change as a comparative that every value further along satisfies; None if there is none."""
    order = [value for value in ORDERED.get(name, ()) if value in category_values(category, name)]
    if old not in order or new not in order:
        return None
    here, there = order.index(old), order.index(new)
    further = order[here + 1 :] if there > here else order[:here]
    further = [value for value in further if value != "sleeveless"]  # sleeveless is not called shorter
    if not further or new == "sleeveless":
        return None
    ways = dict(COMPARED[name][0 if there > here else 1])
    if name == "sleeve" and old == "sleeveless":
        ways = {"with": ["sleeves"], "command": ["add sleeves", f"give {pronoun} sleeves"]}
    if "adjective" in ways:
        ways = {**ways, "command": [f"make {pronoun} {word}" for word in ways["adjective"]]}
    return Change("comparative", {name: frozenset(further)}, ways)
