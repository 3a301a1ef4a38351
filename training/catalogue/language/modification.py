"""Modification texts: a shopper's words for the difference between the wanted item and the reference image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from training.catalogue.language.change import Change
from training.catalogue.language.differences import differences
from training.catalogue.language.nouns import NOUNS
from training.catalogue.language.sentences import write_sentence
from training.catalogue.language.spelling import add_typo, vary_spelling
from training.catalogue.world.sample import apply_changes, draw_changes
from training.catalogue.world.world import PLAIN, Product, Wish

MAX_WORDS = 22

_MISSPELT_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Modification:
    """Text about a reference, and its requirements for the target.

    `spelt` is the text before a typo, mostly the same. `changes` is one concrete choice that satisfies the wish, for
    `apply_changes`; `differences` are the changes that the text names, in its order.
    """

    text: str
    spelt: str
    wish: Wish
    changes: Mapping[str, str]
    differences: tuple[Change, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of change, such as "colour", "comparative", "removal"."""
        return tuple(change.kind for change in self.differences)


@dataclass(frozen=True, slots=True)
class Question:
    """Reference, target that answers the question, and the modification that leads from one to the other."""

    reference: Product
    target: Product
    modification: Modification


def modification(product: Product, random: Random, *, split: str = "train") -> Modification:
    """Draw a modification of the product whose concrete choice the split may hold."""
    drawn = draw_changes(product, random, split=split)
    return towards(product, apply_changes(product, drawn, id=product.id, picture_seed=random.getrandbits(31)), random)


def towards(reference: Product, target: Product, random: Random) -> Modification:
    """Draw a modification of the reference that the target satisfies; they must differ in one to three attributes."""
    changes = differences(reference, target, random)
    nouns = random.choice(NOUNS[reference.category]), random.choice(NOUNS[target.category])
    spelt = vary_spelling(write_sentence(changes, *nouns, random), random)
    while len(spelt.split()) > MAX_WORDS:
        spelt = vary_spelling(write_sentence(changes, *nouns, random), random)
    facts = target.facts()
    return Modification(
        text=add_typo(spelt, random) if random.random() < _MISSPELT_SHARE else spelt,
        spelt=spelt,
        wish=wish(changes, reference),
        changes={name: facts[name] for change in changes for name in change.allowed},
        differences=tuple(changes),
    )


def wish(changes: Sequence[Change], reference: Product) -> Wish:
    """Return the wish: the values that the changes allow, and the reference's own values for everything else."""
    spoken = {name: values for change in changes for name, values in change.allowed.items()}
    unchanged = reference.facts()
    if "category" in spoken:  # another category can have only its paint in common
        paint = ("category", "colour", "pattern", "second_colour")
        unchanged = {name: unchanged[name] for name in paint if name in unchanged}
    if PLAIN in spoken.get("pattern", ()):
        unchanged.pop("second_colour", None)
    return Wish(
        {**{name: frozenset((value,)) for name, value in unchanged.items()}, **spoken},
        unsaid=frozenset(unchanged) - frozenset(spoken),
    )
