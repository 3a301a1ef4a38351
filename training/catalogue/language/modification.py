"""Modification texts: how a shopper says in what the wanted thing differs from the one in the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from training.catalogue.language.change import Change
from training.catalogue.language.differences import differences
from training.catalogue.language.nouns import NOUNS
from training.catalogue.language.sentences import write_sentence
from training.catalogue.language.spelling import loosely, misspelt
from training.catalogue.world.sample import changed, changes
from training.catalogue.world.world import PLAIN, Product, Wish

MAX_WORDS = 22

_MISSPELT_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Modification:
    """A text about a reference, and what it asks of the target.

    `spelt` is the text before a slip of the finger, mostly the same. `changes` is one concrete choice
    that satisfies the wish, to hand to `changed`; `found` are the changes that the text says, in its order.
    """

    text: str
    spelt: str
    wish: Wish
    changes: Mapping[str, str]
    found: tuple[Change, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The sorts of change, such as "colour", "comparative", "removal"."""
        return tuple(change.kind for change in self.found)


@dataclass(frozen=True, slots=True)
class Question:
    """A reference, a target that answers the question, and the modification that leads from one to the other."""

    reference: Product
    target: Product
    asked: Modification


def modification(product: Product, random: Random, *, split: str = "train") -> Modification:
    """A modification of the product by lot, whose concrete choice the split may hold."""
    drawn = changes(product, random, split=split)
    return towards(product, changed(product, drawn, id=product.id, picture_seed=random.getrandbits(31)), random)


def towards(reference: Product, target: Product, random: Random) -> Modification:
    """A modification of the reference that the target satisfies; the two must differ in one to three ways."""
    found = differences(reference, target, random)
    nouns = random.choice(NOUNS[reference.category]), random.choice(NOUNS[target.category])
    spelt = loosely(write_sentence(found, *nouns, random), random)
    while len(spelt.split()) > MAX_WORDS:
        spelt = loosely(write_sentence(found, *nouns, random), random)
    facts = target.facts()
    return Modification(
        text=misspelt(spelt, random) if random.random() < _MISSPELT_SHARE else spelt,
        spelt=spelt,
        wish=_wish(found, reference),
        changes={name: facts[name] for change in found for name in change.allowed},
        found=tuple(found),
    )


def _wish(found: Sequence[Change], reference: Product) -> Wish:
    """What the changes allow, and of everything else what the reference has."""
    spoken = {name: values for change in found for name, values in change.allowed.items()}
    kept = reference.facts()
    if "category" in spoken:  # of another kind of thing only its paint can be the same
        kept = {name: kept[name] for name in ("category", "colour", "pattern", "second_colour") if name in kept}
    if PLAIN in spoken.get("pattern", ()):
        kept.pop("second_colour", None)
    return Wish({**{name: frozenset((value,)) for name, value in kept.items()}, **spoken})
