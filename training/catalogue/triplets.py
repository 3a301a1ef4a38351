"""Triplets over one gallery: a reference, a text, a target, and every other item that satisfies the text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from training.catalogue.language.modification import Modification, Question, towards
from training.catalogue.world.world import CATEGORIES, NONE, PLAIN, Product, Wish

Writer = Callable[[Product, Product, Random], Modification]  # of the text for a reference and a target

_PAINT = ("colour", "pattern", "second_colour")
FAR = 100  # misses of a product that has another category, or not what the words ask for
_OTHER_CATEGORY_SHARE = 0.08
_REMOVAL_SHARE = 0.15
_COUNTS = ((1, 2, 3), (45, 40, 15))  # number of changes, and their weights
_ROUNDS = 8  # times that each product is tried as a reference before fewer triplets than requested are returned


@dataclass(frozen=True, slots=True)
class Triplet:
    """Ids of one gallery; `satisfying` are all items that the text describes, without the reference.

    `wish` is what the text means, if that is known.
    """

    reference: str
    text: str
    target: str
    satisfying: tuple[str, ...]
    kinds: tuple[str, ...]
    wish: Wish | None = field(default=None, repr=False, compare=False)


class Facts:
    """Attributes of all products as one table of small integers, to filter a whole gallery at once."""

    def __init__(self, products: Sequence[Product]) -> None:
        rows = [product.facts() for product in products]
        self.names = tuple(dict.fromkeys(name for row in rows for name in row))
        self._column = {name: place for place, name in enumerate(self.names)}
        self._values: list[list[str]] = []
        self.codes: NDArray[np.int16] = np.empty((len(self.names), len(rows)), np.int16)  # (names, products)
        for name, codes in zip(self.names, self.codes, strict=True):
            values: dict[str, int] = {}
            codes[:] = [values.setdefault(row.get(name, NONE), len(values)) for row in rows]
            self._values.append(list(values))

    def column(self, name: str) -> NDArray[np.int16]:
        """Return the codes of one attribute, (products,)."""
        codes: NDArray[np.int16] = self.codes[self._column[name]]
        return codes

    def code(self, name: str, value: str) -> int:
        """Return the code of a value; -1 if no product has it."""
        values = self._values[self._column[name]]
        return values.index(value) if value in values else -1

    def accepted(self, wish: Wish) -> NDArray[np.bool_]:
        """Return a mask of the products that the wish accepts, (products,)."""
        accepted: NDArray[np.bool_] = self.misses(wish) == 0
        return accepted

    def misses(self, wish: Wish) -> NDArray[np.int16]:
        """Return how far each product is from the wish (products,).

        An attribute that is unsaid and another than the reference's counts 1; another category, and each attribute
        that the words mention, FAR.
        """
        misses = np.zeros(self.codes.shape[1], np.int16)
        for name, values in wish.allowed.items():
            weight = 1 if name in wish.unsaid and name != "category" else FAR
            if name not in self._column:
                misses += weight * (NONE not in values)
                continue
            place = self._column[name]
            missed = np.array([weight * (value not in values) for value in self._values[place]], np.int16)
            misses += missed[self.codes[place]]
        return misses


def triplets(products: Sequence[Product], count: int, *, seed: int, writer: Writer = towards) -> list[Triplet]:
    """Return up to `count` triplets with different questions; fewer if the gallery has not enough answers."""
    return answer_questions(draw_questions(products, count, seed=seed, writer=writer), products)


def draw_questions(products: Sequence[Product], count: int, *, seed: int, writer: Writer = towards) -> list[Question]:
    """Draw up to `count` different questions about products whose answers are among them."""
    random = Random(f"{seed}/triplets")
    facts = Facts(products)
    questions: dict[tuple[str, str], Question] = {}
    for reference in _references(len(products), random):
        if len(questions) == count:
            break
        target = _target(facts, products, reference, random)
        if target is None:
            continue
        question = Question(
            reference=products[reference],
            target=products[target],
            modification=writer(products[reference], products[target], random),
        )
        questions.setdefault((question.reference.id, question.modification.text), question)
    return list(questions.values())


def answer_questions(questions: Iterable[Question], gallery: Sequence[Product]) -> list[Triplet]:
    """Return a triplet for each question, with all items of the gallery that satisfy it."""
    facts = Facts(gallery)
    ids = np.array([product.id for product in gallery], dtype=object)
    return [
        Triplet(
            reference=question.reference.id,
            text=question.modification.text,
            target=question.target.id,
            satisfying=tuple(ids[facts.accepted(question.modification.wish) & (ids != question.reference.id)]),
            kinds=question.modification.kinds,
            wish=question.modification.wish,
        )
        for question in questions
    ]


def drift_targets(
    products: Sequence[Product], triplets: Sequence[Triplet], *, share: float, seed: int
) -> list[Triplet]:
    """Lower the quality of triplets: in a share of them, replace the target by one with up to three unnamed changes.

    The images of generated triplets are like this: the edit changes more than its text says. All items that satisfy
    such a text are unknown except for its target.
    """
    random = Random(f"{seed}/drift")
    facts = Facts(products)
    row_of = {product.id: row for row, product in enumerate(products)}
    drifted = []
    for triplet in triplets:
        rows, _ = _alike(facts, products, row_of[triplet.target])
        others = [row for row in rows.tolist() if products[row].id != triplet.reference]
        if not others or random.random() >= share:
            drifted.append(triplet)
            continue
        target = products[random.choice(others)].id
        drifted.append(replace(triplet, target=target, satisfying=(target,), wish=None))
    return drifted


def _references(count: int, random: Random) -> Iterator[int]:
    for _ in range(_ROUNDS):
        order = list(range(count))
        random.shuffle(order)
        yield from order


def _target(facts: Facts, products: Sequence[Product], reference: int, random: Random) -> int | None:
    """Draw a product that differs from the reference in one to three attributes; None if there is none."""
    alike = _alike(facts, products, reference)
    related = _related(facts, products, reference)
    if related.size and (not alike[0].size or random.random() < _OTHER_CATEGORY_SHARE):
        return int(random.choice(related))
    rows, distances = _without_removals(facts, reference, *alike, random)
    weights = dict(zip(*_COUNTS, strict=True))
    present = [number for number in weights if (distances == number).any()]
    if not present:
        return None
    number = random.choices(present, [weights[number] for number in present])[0]
    return int(random.choice(rows[distances == number]))


def _without_removals(
    facts: Facts, reference: int, rows: NDArray[np.intp], distances: NDArray[np.int64], random: Random
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Leave out most plain targets of a patterned reference, since there are many of them for any pattern."""
    pattern, plain = facts.column("pattern"), facts.code("pattern", PLAIN)
    others = pattern[rows] != plain
    if pattern[reference] == plain or not others.any() or random.random() < _REMOVAL_SHARE:
        return rows, distances
    return rows[others], distances[others]


def _alike(facts: Facts, products: Sequence[Product], reference: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the products of the same category that differ in one to three attributes, and in how many."""
    category = facts.column("category")
    rows = np.flatnonzero(category == category[reference])
    names = [*_PAINT[:2], *CATEGORIES[products[reference].category].attributes]
    distances = _differing(facts, names, rows, reference) + _other_second(facts, rows, reference)
    near = (distances >= 1) & (distances <= 3)
    return rows[near], distances[near]


def _related(facts: Facts, products: Sequence[Product], reference: int) -> NDArray[np.intp]:
    """Return products of another category of the department that differ least in paint, in at most two attributes."""
    own = products[reference].category
    others = [
        facts.code("category", name)
        for name, category in CATEGORIES.items()
        if name != own and category.department == CATEGORIES[own].department
    ]
    rows = np.flatnonzero(np.isin(facts.column("category"), others))
    distances = _differing(facts, _PAINT[:2], rows, reference) + _other_second(facts, rows, reference)
    # Only the nearest ones, or nearly every question about another category would change two more attributes.
    return rows[distances == distances.min()] if rows.size and distances.min() <= 2 else rows[:0]


def _differing(facts: Facts, names: Iterable[str], rows: NDArray[np.intp], reference: int) -> NDArray[np.int64]:
    differing = np.zeros(len(rows), np.int64)
    for name in names:
        differing += facts.column(name)[rows] != facts.column(name)[reference]
    return differing


def _other_second(facts: Facts, rows: NDArray[np.intp], reference: int) -> NDArray[np.bool_]:
    """Return a mask: both are patterned, with different second colours; a pattern that comes or goes counts once."""
    if "second_colour" not in facts.names:
        return np.zeros(len(rows), bool)
    pattern, second = facts.column("pattern"), facts.column("second_colour")
    plain = facts.code("pattern", PLAIN)
    both = (pattern[rows] != plain) & (pattern[reference] != plain)
    other: NDArray[np.bool_] = both & (second[rows] != second[reference])
    return other
