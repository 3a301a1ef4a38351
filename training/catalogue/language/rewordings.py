"""Wordings of changes that no training text has: as a deed, as a state, or as a remark after the noun.

`{new}` and `{old}` are the world's own names of values, which occur in training; the words around them do not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Mood = Literal["deeds", "states", "remarks"]


@dataclass(frozen=True, slots=True)
class Rewording:
    """The same change in three moods: "dye it navy", "the colour is navy", "dyed navy"."""

    deeds: tuple[str, ...]
    states: tuple[str, ...]
    remarks: tuple[str, ...]

    def in_mood(self, mood: Mood) -> tuple[str, ...]:
        """Return the templates of one mood; there may be none."""
        return {"deeds": self.deeds, "states": self.states, "remarks": self.remarks}[mood]


COLOUR = Rewording(
    ("{dye} {it} {new}", "let {new} take the place of {old}", "trade the {old} for {new}"),
    ("the colour is {new}", "{new} took over from {old}", "the {old} made way for {new}"),
    ("{dyed} {new}", "{new} taking the place of {old}", "tinted {new}"),
)
BASE_COLOUR = Rewording(  # if a pattern stays on it
    ("let the base colour be {new}", "trade the {old} for {new}", "{dye} the base colour {new}"),
    ("the base colour is {new}", "{new} took over from {old} as the base"),
    ("the base colour being {new}", "{new} taking the place of {old}"),
)
UPPER_HALF = Rewording(
    ("let the upper half be {new}", "{dye} the upper half {new}"),
    ("the upper half turned {new}", "up top the colour is {new}"),
    ("the upper half {dyed} {new}", "turning {new} in the upper half"),
)
LOWER_HALF = Rewording(
    ("let the lower half be {new}", "{dye} the lower half {new}"),
    ("the lower half turned {new}", "down below the colour is {new}"),
    ("the lower half {dyed} {new}", "turning {new} in the lower half"),
)
OTHER_LOWER_HALF = Rewording(
    ("let the lower half differ in colour",),
    ("the lower half differs in colour", "below the middle another colour begins"),
    ("another colour beginning below the middle", "the lower half differing in colour"),
)
DARKER = Rewording(
    ("darken {it}", "deepen the colour"), ("the tone goes deeper", "the colour deepens"), ("darkened", "deeper in tone")
)
LIGHTER = Rewording(
    ("lighten {it}", "bleach the colour a little"),
    ("the tone goes paler", "the colour fades a little"),
    ("lightened", "paler in tone"),
)
DARKER_HALF = Rewording(
    ("darken the upper half",), ("the upper half goes deeper in tone",), ("the upper half darkened",)
)
LIGHTER_HALF = Rewording(
    ("lighten the upper half",), ("the upper half goes paler in tone",), ("the upper half lightened",)
)
BOTH_COLOURS = Rewording(
    ("combine {new} and {other}", "let the colours be {new} and {other}"),
    ("the colours are {new} and {other}", "{new} meets {other} on {it}"),
    ("{dyed} {new} and {other}", "combining {new} and {other}"),
)
SWAPPED = Rewording(
    ("invert the two colours", "let the two colours trade places"),
    ("the two colours trade places", "each colour sits where the other was"),
    ("the two colours inverted", "the colours trading places"),
)
FIGURES = Rewording(
    ("print {new} on {it}", "cover {it} in {new}"),
    ("{new} cover {it}", "you see {new} all over"),
    ("covered in {new}", "{new} printed all over"),
)
OTHER_FIGURES = Rewording(
    ("trade the {old} for {new}", "let {new} take the place of the {old}"),
    ("{new} took over from the {old}", "the {old} made way for {new}"),
    ("{new} taking the place of the {old}", "showing {new} where the {old} used to be"),
)
PLAIN = Rewording(
    ("get rid of the {old}", "wipe the {old} off", "let the {old} vanish"),
    ("nothing remains of the {old}", "the {old} disappeared"),
    ("minus the {old}", "stripped of the {old}"),
)
ONE_COLOUR = Rewording(  # if nothing of a half would remain
    ("let one colour run all over",), ("one colour runs from top to bottom",), ("one colour from top to bottom",)
)
FIGURES_COLOUR = Rewording(
    ("let the {old} be {new}", "{dye} the {old} {new}"),
    ("the {old} appear {new}", "{new} got picked for the {old}"),
    ("the {old} recoloured {new}", "{new} being the colour of the {old}"),
)
PART = Rewording((), (), ("featuring {new}", "sporting {new}", "showing {new}"))  # for a product of another category
OTHER_PART = Rewording(
    ("trade the {old} for {new}", "let {new} take the place of the {old}"),
    ("the {old} made way for {new}", "{new} took over from the {old}"),
    ("{new} taking the place of the {old}", "featuring {new}", "sporting {new}"),
)
NEW_PART = Rewording(
    ("put {new} on {it}", "attach {new}"),
    ("you find {new} on {it}", "{they} gained {new}"),
    ("{new} thrown in", "featuring {new}"),
)
GONE = Rewording(
    ("get rid of the {old}", "skip the {old}", "leave the {old} off"),
    ("nothing remains of the {old}", "the {old} disappeared"),
    ("minus the {old}", "stripped of the {old}"),
)
SORT = Rewording(  # for adjectives, any of which can stand here
    ("go for the {new} kind", "pick the {new} type"),
    ("you get the {new} kind",),
    ("of the {new} kind", "of the {new} type"),
)
LACKING = Rewording((), (), ("free of any {new}", "lacking any {new}"))  # for a product of another category

# By attribute: further up and further down in the order of its values.
COMPARED: Mapping[str, tuple[Rewording, Rewording]] = {
    "sleeve": (
        Rewording(("extend the sleeves",), ("the sleeves reach further down the arm",), ("the sleeves extended",)),
        Rewording(("trim the sleeves",), ("the sleeves end further up the arm",), ("the sleeves trimmed",)),
    ),
    "length": (
        Rewording(("let the hem down",), ("the hem reaches further down",), ("the hem reaching further down",)),
        Rewording(("raise the hem",), ("the hem sits further up",), ("the hem raised",)),
    ),
    "fit": (
        Rewording(
            ("cut {it} more generously", "leave more room in {it}"),
            ("there is more room inside",),
            ("cut more generously",),
        ),
        Rewording(
            ("cut {it} closer to the body", "leave less room in {it}"),
            ("there is less room inside",),
            ("cut closer to the body",),
        ),
    ),
    "heel": (
        Rewording(("raise the heel",), ("the heel rises further",), ("the heel raised",)),
        Rewording(("bring the heel down",), ("the heel comes down",), ("the heel brought down",)),
    ),
    "shaft": (
        Rewording(
            ("extend the shaft upwards",),
            ("the shaft covers more of the leg",),
            ("the shaft covering more of the leg",),
        ),
        Rewording(
            ("cut the shaft down",), ("the shaft covers less of the leg",), ("the shaft covering less of the leg",)
        ),
    ),
    "brim": (
        Rewording(("broaden the brim", "widen the brim"), ("the brim sticks out further",), ("the brim widened",)),
        Rewording(("trim the brim",), ("the brim sticks out less",), ("the brim trimmed",)),
    ),
    "top": (
        Rewording(("cover more of the ankle",), ("the ankle is covered",), ("the ankle covered",)),
        Rewording(("cover less of the ankle",), ("the ankle stays uncovered",), ("the ankle uncovered",)),
    ),
    "height": (
        Rewording(("stretch {it} upwards",), ("the rim sits further up",), ("stretched upwards",)),
        Rewording(("squash {it} down",), ("the rim sits further down",), ("squashed down",)),
    ),
}
SLEEVES = Rewording(  # for a sleeveless product, which has none to make longer
    ("attach sleeves", "put sleeves on {it}"),
    ("you find sleeves on {it}", "{they} gained sleeves"),
    ("sleeves thrown in",),
)

# Whole sentences; {said} are all the changes, each in the same mood.
DEEDS = (
    "take {this}, {said}",
    "{said}, everything else stays",
    "{said}, leave the rest alone",
    "my wish: {said}",
    "could somebody {said}",
    "starting from here, {said}",
)
STATES = (
    "find me the version where {said}",
    "imagine {this} where {said}",
    "everything stays, except {said}",
    "all as shown, only {said}",
    "nearly there, though {said}",
)
REMARKS = (
    "its twin, {said}",
    "identical {noun}, {said}",
    "picture {this}, {said}",
    "that very design, {said}",
    "all as shown, {said}",
)
# For another category, with the other changes as remarks; {thing} has its article, {name} none.
OTHER_THING = (
    "rework {this} into {thing}",
    "this style carried over to {thing}",
    "{thing} of this very style",
    "the {name} out of this collection",
)


def templates() -> Iterator[str]:
    """Yield every template of this file."""
    every = [value for value in globals().values() if isinstance(value, Rewording)]
    for rewording in (*every, *(one for pair in COMPARED.values() for one in pair)):
        yield from (*rewording.deeds, *rewording.states, *rewording.remarks)
    yield from (*DEEDS, *STATES, *REMARKS, *OTHER_THING)
