"""Hard negatives: items that differ from a question's target in exactly one visible way, and do not answer it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from training.catalogue.language.modification import Question
from training.catalogue.world.colour_families import distinct, seconds
from training.catalogue.world.sample import allowed
from training.catalogue.world.world import CATEGORIES, COLOURS, PATTERNS, PLAIN, Product

PER_QUESTION = 4  # negatives of a question: half of them wrong in what its text says, half in what its picture shows


def negatives(asked: Sequence[Question], *, split: str, seed: int) -> list[tuple[Product, ...]]:
    """For each question EACH negatives, of the target's picture seed: mostly its photograph but for that one thing.

    Another colour may bring another background, before which it shows. Where the text says too little, or leaves too
    little to the picture, the other kind fills up. Another question may well be answered by them.
    """
    return [
        tuple(
            replace(look, id=f"hn-{number:07d}-{place}")
            for place, look in enumerate(_chosen(question, Random(f"{seed}/negatives/{number}"), split=split))
        )
        for number, question in enumerate(asked)
    ]


def _chosen(question: Question, random: Random, *, split: str) -> list[Product]:
    said: list[list[Product]] = []
    shown: list[list[Product]] = []
    for name in question.target.look:
        wrong = [one for one in _others(question.target, name, split=split) if not question.asked.wish.accepts(one)]
        random.shuffle(wrong)
        (said if name in question.asked.changes else shown).append(wrong)
    for kind in (said, shown):
        random.shuffle(kind)
    one, other = list(_in_turns(said)), list(_in_turns(shown))
    half = PER_QUESTION // 2
    return [*one[: max(half, PER_QUESTION - len(other))], *other[: max(half, PER_QUESTION - len(one))]]


def _others(product: Product, name: str, *, split: str) -> Iterator[Product]:
    """The same product with another value of that attribute which an eye tells from its own, nothing else changed."""
    look = product.look
    match name:
        case "colour":
            second = look.get("second_colour")
            values = [
                colour
                for colour in COLOURS
                if distinct(colour, look["colour"])
                and (second is None or distinct(colour, second))
                and allowed(product.category, colour, split=split)
            ]
        case "second_colour":
            values = [colour for colour in seconds(look["colour"]) if distinct(colour, look["second_colour"])]
        case "pattern":  # plain and patterned differ in the second colour as well
            values = [pattern for pattern in PATTERNS if PLAIN not in (pattern, look["pattern"])]
        case _:
            values = list(CATEGORIES[product.category].attributes[name])
    for value in values:
        if value != look[name]:
            yield replace(product, look={**look, name: value})


def _in_turns(groups: Sequence[Sequence[Product]]) -> Iterator[Product]:
    """One of each group, then another of each."""
    for turn in range(max(map(len, groups), default=0)):
        yield from (group[turn] for group in groups if turn < len(group))
