"""Words for the difference of two values of an attribute, by the role that the attribute's name has."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from training.catalogue.language import phrasebook

Role = Literal["kind", "colour", "pattern", "material", "audience", "other"]
Wording = Literal["train", "held-out"]

# Parts of an attribute's name, in the order in which they are looked for.
_NAMES: Mapping[Role, tuple[str, ...]] = {
    "colour": ("colour", "color", "farbe", "couleur"),
    "pattern": ("pattern", "print", "motif", "muster"),
    "material": ("material", "fabric", "stoff", "matiere"),
    "audience": ("audience", "gender", "age group", "department", "geschlecht"),
    "kind": ("category", "kind", "product type", "type", "article", "kategorie"),
}
_YES, _NO = ("yes", "true"), ("none", "no", "false", "without")

_Clauses = tuple[Sequence[str], Sequence[str]]
# Clauses that training says, and others that it never does, for the held-out products.
_CLAUSES: Mapping[Role, _Clauses] = {
    "colour": (
        (
            "in {new}", "in {new}", "in {new} instead of {old}", "{new}", "make it {new}", "{new} instead of {old}",
            "{new} rather than {old}", "in the colour {new}", "it should be {new}", "change the colour to {new}",
            "not {old} but {new}", "{new} colour", "is {new}", "{new}, not {old}",
        ),
        ("{new} this time", "in {new}, not in {old}", "{new} in place of {old}"),
    ),
    "pattern": (
        (
            "{new}", "with {new} pattern", "{new} instead of {old}", "with a {new} pattern", "make it {new}",
            "{new} rather than {old}", "change the pattern to {new}", "{new} pattern", "is {new}", "{new}, not {old}",
        ),
        ("{new} this time", "{new} in place of {old}", "in a {new} pattern"),
    ),
    "material": (
        (
            "in {new}", "made of {new}", "{new} instead of {old}", "out of {new}", "{new}", "{new} rather than {old}",
            "change the material to {new}", "is made of {new}", "{new}, not {old}",
        ),
        ("of {new} this time", "of {new} in place of {old}"),
    ),
    "audience": (
        ("for {new}", "for {new} instead of {old}", "meant for {new}", "is for {new}", "for {new} rather than {old}"),
        ("for {new} this time", "for {new}, not for {old}"),
    ),
    "kind": (
        (
            "{new}", "{a_new}", "as {a_new}", "{a_new} instead of {a_old}", "{a_new} like this",
            "{new} instead of {old}", "change it to {a_new}", "I want {a_new} like that", "the {new} version",
            "is {a_new}", "{new}, not {old}",
        ),
        ("{a_new} this time", "{a_new} in place of the {old}"),
    ),
    "other": (
        (
            "with {new} {name}", "with {new} {name}", "{new} {name}", "with {new} {name} instead of {old}",
            "with {new} instead of {old} {name}", "{name} {new}", "change the {name} to {new}", "with a {new} {name}",
            "{new} {name} instead of {old} {name}", "the {name} should be {new}", "make the {name} {new}",
            "has {new} {name}", "{new} {name}, not {old}",
        ),
        ("{new} {name} this time", "having {new} {name} in place of {old}", "whose {name} is {new}"),
    ),
}  # fmt: skip
_GAINED = (
    ("with {new} {name}", "{new} {name}", "add {new} {name}", "with a {new} {name}", "has {new} {name}"),
    ("having {new} {name}", "plus {new} {name}"),
)
_ADDED = (("with {name}", "{name}", "add {name}", "with a {name}", "has {name}"), ("having {name}", "plus {name}"))
_LOST = (
    ("without {name}", "no {name}", "without a {name}", "leave out the {name}", "has no {name}"),
    ("lacking {name}", "minus the {name}"),
)
_JOINERS = (", ", " and ", ", and ", " and also ")
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
    return next((name for name in names if role(name) == "kind"), None)


def text(differences: Sequence[Difference], random: Random, *, names: Sequence[str], wording: Wording) -> str:
    """Return a text that says all the differences, in random order; `names` are all attributes of the shop.

    Texts of training have words around some of them, as shoppers write; those of held-out products have other clauses
    and nothing around.
    """
    place = 0 if wording == "train" else 1
    clauses = [_clause(each, names, random, place) for each in random.sample(differences, len(differences))]
    said = clauses[0]
    for clause in clauses[1:]:
        said += random.choice(_JOINERS) + clause
    if wording == "train" and random.random() < _FRAMED:
        return random.choice(_FRAMES).format(said=said, this="this")
    return said


def _clause(difference: Difference, names: Sequence[str], random: Random, place: int) -> str:
    name, old, new = plain(difference.name), _value(difference.old), _value(difference.new)
    own = role(difference.name)
    if own != "kind" and own != "other" and next(each for each in names if role(each) == own) != difference.name:
        own = "other"  # "in white" is of the first colour alone
    clauses: _Clauses
    if not new or new in _NO:
        clauses = _LOST
    elif new in _YES or new == name:
        clauses = _ADDED
    elif not old or old in _NO:
        clauses = _GAINED if own == "other" else _CLAUSES[own]
    else:
        clauses = _CLAUSES[own]
    choices = [clause for clause in clauses[place] if (old and old not in _NO) or "old}" not in clause]
    return random.choice(choices).format(name=name, old=old, new=new, a_old=_article(old), a_new=_article(new))


def _value(value: str) -> str:
    """Return a value as words: the last part of a path of categories."""
    return value.split(">")[-1].strip().casefold()


def _article(noun: str) -> str:
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _frames() -> Iterator[str]:
    for name in phrasebook.TRAINING:
        yield from (frame for frame in phrasebook.book(name)["frames"] if "{noun}" not in frame)


_FRAMES = tuple(_frames())
