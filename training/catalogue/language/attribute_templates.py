"""Modification texts with fixed wording, after TransAgg's templates: every difference, attribute by attribute."""

from collections.abc import Iterator, Sequence

from training.catalogue.language.product_captions import joined
from training.catalogue.world.world import CATEGORIES, NONE, Product

OTHER_CATEGORY = "{new} instead of {old}"
REPLACED = "with {thing} instead of {old}"
ADDED = "with {thing}"
REMOVED = "without {thing}"


def text(reference: Product, target: Product, kinds: Sequence[str]) -> str:
    """Return the differences as text: "with navy colour instead of red and without pockets".

    If the target is of another category, only its colours and pattern count, and the details that the triplet's `kinds`
    name.
    """
    return joined([_phrase(*difference) for difference in _differences(reference, target, kinds)])


def _differences(reference: Product, target: Product, kinds: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, old and new value of each difference, in the order of the world's tables."""
    before, after = reference.facts(), target.facts()
    details = tuple(CATEGORIES[target.category].attributes)
    if reference.category != target.category:
        yield "category", reference.category, target.category
    for name in ("colour", "pattern", "second_colour"):
        old, new = before.get(name, NONE), after.get(name, NONE)
        if old != new and not (name == "second_colour" and new == NONE):  # it disappears with its pattern
            yield name, old, new
    for name in details:
        if reference.category == target.category and before[name] != after[name]:
            yield name, before[name], after[name]
        elif reference.category != target.category and name in kinds:  # even if the reference has it
            yield name, NONE, after[name]


def _phrase(name: str, old: str, new: str) -> str:
    if name == "category":
        return OTHER_CATEGORY.format(old=old, new=new)
    thing = name.replace("_", " ")
    if new == NONE:
        return REMOVED.format(thing=thing)
    thing = thing if new == name else f"{new} {thing}"  # avoids "pompom pompom"
    return ADDED.format(thing=thing) if old == NONE else REPLACED.format(thing=thing, old=old)
