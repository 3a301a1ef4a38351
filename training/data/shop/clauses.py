"""Clauses that say a change of any shop's attribute, by the role of the attribute; some of them training never reads.

The phrasebooks' writers have clauses that hold for any colour, kind of product or replaced thing; the others are here.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from training.catalogue.language import phrasebook

Role = Literal["kind", "colour", "pattern", "material", "audience", "other"]
# gained: a value where there was none; added, lost: a thing; replaced, unwanted: of nouns; word: of a title
Clause = Role | Literal["gained", "added", "lost", "replaced", "unwanted", "word"]
Wording = Literal["train", "validation", "held-out"]

_OWN: Mapping[Clause, tuple[Sequence[str], Sequence[str]]] = {  # those of training and validation, those of held-out
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
        ("{new} this time", "in a {new} pattern"),
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
    "gained": (
        (
            "with {new} {name}", "{new} {name}", "add {new} {name}", "with a {new} {name}", "has {new} {name}",
            "I'd like {new} {name}",
        ),
        ("having {new} {name}", "plus {new} {name}"),
    ),
    "added": (
        ("with {name}", "{name}", "add {name}", "with a {name}", "has {name}", "I'd like {name}"),
        ("having {name}", "plus {name}"),
    ),
    "lost": (
        ("without {name}", "no {name}", "without a {name}", "leave out the {name}", "has no {name}", "w/o {name}"),
        ("lacking {name}", "minus the {name}"),
    ),
    "replaced": ((), ()),
    "unwanted": ((), ()),
    "word": (
        ("{new}", "{new} please", "make it {new}", "is {new}", "should be {new}", "I want {new}", "but {new}"),
        ("{new} this time", "I'd take {new}"),
    ),
}  # fmt: skip
_KEYS: Mapping[Clause, str] = {
    "colour": "paint.colour",
    "kind": "category",
    "replaced": "details.replaced",
    "unwanted": "details.negated",
}
_WRITERS: Mapping[Wording, Sequence[str]] = {
    "train": phrasebook.TRAINING,
    "validation": phrasebook.VALIDATION,
    "held-out": phrasebook.TEST,
}


@cache
def clauses(clause: Clause, wording: Wording) -> tuple[str, ...]:
    """Return the clauses of one kind, with places for {new}, {old}, {name}, {noun}, {it}, {a_new} and {a_old}."""
    own = _OWN[clause][1 if wording == "held-out" else 0]
    key = _KEYS.get(clause)
    return (*own, *(() if key is None else _said_by(_WRITERS[wording], key)))


@cache
def frames() -> tuple[str, ...]:
    """Return what shoppers write around a change, with places for {said} and {this}."""
    return tuple(frame for frame in _said_by(phrasebook.TRAINING, "frames") if "{noun}" not in frame)


def _said_by(writers: Sequence[str], key: str) -> tuple[str, ...]:
    return tuple(phrase for name in writers for phrase in phrasebook.book(name)[key])
