"""Hard negatives: items that differ from a question's target in exactly one visible attribute and do not answer it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from training.catalogue.language.modification import Question
from training.catalogue.world.colour_families import distinct, second_colours
from training.catalogue.world.sample import allowed
from training.catalogue.world.world import CATEGORIES, COLOURS, PATTERNS, PLAIN, Product

PER_QUESTION = 4  # half of them contradict the question's text, half of them only its image


def negatives(questions: Sequence[Question], *, split: str, seed: int) -> list[tuple[Product, ...]]:
    """Return PER_QUESTION negatives for each question; their images have the target's seed, so that they are alike.

    Another colour may bring another background, so that the product stays visible. If the text names too few or too
    many attributes to have half of each kind, the other kind fills up. A negative may be an answer to another question.
    """
    return [
        tuple(
            replace(product, id=f"hn-{number:07d}-{place}")
            for place, product in enumerate(_chosen(question, Random(f"{seed}/negatives/{number}"), split=split))
        )
        for number, question in enumerate(questions)
    ]


def _chosen(question: Question, random: Random, *, split: str) -> list[Product]:
    against_text: list[list[Product]] = []
    against_image: list[list[Product]] = []
    modification = question.modification
    for name in question.target.look:
        wrong = [other for other in _others(question.target, name, split=split) if not modification.wish.accepts(other)]
        random.shuffle(wrong)
        (against_text if name in modification.changes else against_image).append(wrong)
    for groups in (against_text, against_image):
        random.shuffle(groups)
    named, seen = list(_in_turns(against_text)), list(_in_turns(against_image))
    half = PER_QUESTION // 2
    return [*named[: max(half, PER_QUESTION - len(seen))], *seen[: max(half, PER_QUESTION - len(named))]]


def _others(product: Product, name: str, *, split: str) -> Iterator[Product]:
    """Yield the product with another, visibly different value of that attribute; nothing else changes."""
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
            values = [colour for colour in second_colours(look["colour"]) if distinct(colour, look["second_colour"])]
        case "pattern":  # plain and patterned differ in the second colour as well
            values = [pattern for pattern in PATTERNS if PLAIN not in (pattern, look["pattern"])]
        case _:
            values = list(CATEGORIES[product.category].attributes[name])
    for value in values:
        if value != look[name]:
            yield replace(product, look={**look, name: value})


def _in_turns(groups: Sequence[Sequence[Product]]) -> Iterator[Product]:
    """Yield one item of each group, then a second one of each, and so on."""
    for turn in range(max(map(len, groups), default=0)):
        yield from (group[turn] for group in groups if turn < len(group))
