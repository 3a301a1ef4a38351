"""Words for the differences of two products of a shop, by the roles that the names of their attributes have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from training.data.shop.clauses import Clause, Role, Wording, clauses, frames

WORD = "title: "  # before the attribute that says whether a title has a word

# Parts of an attribute's name, in the order in which they are looked for.
_NAMES: Mapping[Role, tuple[str, ...]] = {
    "colour": ("colour", "color", "farbe", "couleur"),
    "pattern": ("pattern", "print", "motif", "muster"),
    "material": ("material", "fabric", "stoff", "matiere"),
    "audience": ("audience", "gender", "age group", "department", "geschlecht"),
    "kind": ("category", "kind", "product type", "type", "article", "kategorie"),
}
_YES, _NO = ("yes", "true"), ("none", "no", "false", "without")
_JOINERS = (", ", " and ", ", and ", " and also ")
_REPLACED = 0.5  # share of the changes of a pattern, a material and other things that are said as a replacement
_FRAMED = 0.25  # share of training's texts with words around the change


@dataclass(frozen=True, slots=True)
class Difference:
    """Two values of one attribute; "" if a product lacks it."""

    name: str
    old: str
    new: str


def role(name: str) -> Role:
    """Return the role of an attribute."""
    words = plain(name)
    return next((each for each, parts in _NAMES.items() if any(part in words for part in parts)), "other")


def plain(name: str) -> str:
    """Return a name of a column as words: "second_colour" and "secondColour" are "second colour"."""
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", " ", name).split()).casefold()


def kind(names: Sequence[str]) -> str | None:
    """Return the attribute that says what a product is, None if no name does."""
    return next((name for name in names if not name.startswith(WORD) and role(name) == "kind"), None)


def text(
    differences: Sequence[Difference], random: Random, *, names: Sequence[str], noun: str, wording: Wording
) -> str:
    """Return a text that says all the differences, in random order.

    `names` are all attributes of the shop, `noun` is what the reference is, "" if that is not known. Texts of training
    have words around some of them, as shoppers write; those of held-out products have clauses of other writers and
    nothing around.
    """
    words = [each for each in differences if each.name.startswith(WORD)]
    said = [
        _attribute(each, names, _value(noun) or "one", random, wording) for each in differences if each not in words
    ]
    if words:
        said.append(_words(words, random, wording))
    random.shuffle(said)
    whole = said[0]
    for clause in said[1:]:
        whole += random.choice(_JOINERS) + clause
    if wording == "train" and random.random() < _FRAMED:
        return random.choice(frames()).format(said=whole, this="this")
    return whole


def is_sayable(value: str) -> bool:
    """Return whether a value names what a product has, not that it lacks something or that a flag is set."""
    return value not in (*_YES, *_NO)


def description(looks: Mapping[str, str]) -> str:
    """Return a product's attributes as words, as one searches for it: "red striped dress, boat neckline"."""
    by_role: dict[Role, list[str]] = {}
    for name, value in looks.items():
        own = "other" if name.startswith(WORD) else role(name)
        words = _value(value) if name.startswith(WORD) or own != "other" else f"{_value(value)} {plain(name)}"
        by_role.setdefault(own, []).append(words)
    order: tuple[Role, ...] = ("colour", "material", "pattern", "kind", "audience", "other")
    joined = {each: " ".join(by_role.get(each, [])) for each in order}
    first = " ".join(joined[each] for each in order[:4] if joined[each])
    rest = [f"for {words}" if each == "audience" else words for each in order[4:] if (words := joined[each])]
    return ", ".join(part for part in (first, *rest) if part)


def _attribute(difference: Difference, names: Sequence[str], noun: str, random: Random, wording: Wording) -> str:
    name, old, new = plain(difference.name), _value(difference.old), _value(difference.new)
    old = "" if old in _NO else old
    own = _own_role(difference.name, names)
    clause: Clause = own
    if not new or new in _NO:
        clause = "lost"
    elif new in _YES or new == name:
        clause = "added"
    elif not old and own == "other":
        clause = "gained"
    elif old and own in ("pattern", "material", "other") and random.random() < _REPLACED:
        clause = "replaced"
        if own != "material":  # "swap striped pattern for floral pattern"
            old, new = f"{old} {name}", f"{new} {name}"
    return _say(clause, random, wording, name=name, old=old, new=new, noun=noun)


def _own_role(name: str, names: Sequence[str]) -> Role:
    """Return the role of an attribute; of several with a role the first has it: "in white" is of the main colour."""
    own = role(name)
    return own if own == "kind" or next(each for each in names if role(each) == own) == name else "other"


def _words(differences: Sequence[Difference], random: Random, wording: Wording) -> str:
    """Return a clause for the words that a title gets and loses."""
    old = " ".join(each.old for each in differences if each.old)
    new = " ".join(each.new for each in differences if each.new)
    clause: Clause = "unwanted" if not new else "word" if not old or random.random() >= _REPLACED else "replaced"
    return _say(clause, random, wording, name="", old=old, new=new, noun="one")


def _say(clause: Clause, random: Random, wording: Wording, *, name: str, old: str, new: str, noun: str) -> str:
    choices = [each for each in clauses(clause, wording) if old or "old}" not in each]
    words = {"name": name, "old": old, "new": new, "a_old": _article(old), "a_new": _article(new), "noun": noun}
    return random.choice(choices).format(**words, it="it")


def _value(value: str) -> str:
    """Return a value as words: the last part of a path of categories."""
    return value.split(">")[-1].strip().casefold()


def _article(noun: str) -> str:
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
