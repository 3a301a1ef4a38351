"""Fit of a bundle's calibration on the drawn catalogue, and how well it holds on other queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from models.bundle import Logistic
from models.encoder import Encoder
from training.catalogue.language import phrasebook, product_captions, spoken_captions
from training.catalogue.language.modification import Modification, towards
from training.catalogue.language.spoken import spoken
from training.catalogue.triplets import Facts, answer_questions, draw_questions
from training.catalogue.world.world import Product
from training.evaluation.drawn_queries import composed_vectors, text_vectors
from training.evaluation.drawn_shop import Shop

SHOWN = 24  # hits of each query that count, as a page shows
NONSENSE = 0.2  # share of the texts alone that no item satisfies
_UNRELATED = (
    "how do i reset my password",
    "opening hours on sunday",
    "where is my order",
    "two tickets to vienna",
    "iphone charger usb c",
    "garden hose 20 m",
    "best pizza near me",
    "asdf",
)
_STEPS = 30  # of Newton's method
_RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Judged:
    """Scores of hits, and whether each satisfies its query."""

    scores: NDArray[np.float64]  # (n,)
    satisfied: NDArray[np.bool_]  # (n,)


def composed(encoder: Encoder, shop: Shop, *, books: Sequence[str], queries: int, seed: int) -> Judged:
    """Return the first hits of composed queries, half in the grammar's words and half in those of phrasebooks."""
    writer = partial(_written, books=[phrasebook.book(name) for name in books])
    questions = draw_questions(shop.products, queries, seed=seed, writer=writer)
    references = np.array([shop.row_of[question.reference.id] for question in questions], dtype=np.int64)  # (B,)
    said = [question.modification.text for question in questions]
    vectors = composed_vectors(encoder, shop, references, said, text_weight=encoder.manifest.text_weight)
    scores = vectors @ shop.gallery(encoder).T  # (B, N)
    scores[np.arange(len(references)), references] = -np.inf
    relevant = np.zeros(scores.shape, np.bool_)
    for row, triplet in enumerate(answer_questions(questions, shop.products)):
        relevant[row, [shop.row_of[id] for id in triplet.satisfying]] = True
    return first_hits(scores, relevant)


def text(encoder: Encoder, shop: Shop, *, books: Sequence[str], queries: int, seed: int) -> Judged:
    """Return the first hits of texts alone: descriptions in all those words, and some that no item satisfies."""
    facts, said, relevant = Facts(shop.products), [], []
    for number in range(queries):
        random = Random(f"{seed}/calibration/{number}")
        product = random.choice(shop.products)
        if random.random() < NONSENSE:
            said.append(nonsense(random))
            relevant.append(np.zeros(len(shop.products), np.bool_))
            continue
        book = phrasebook.book(random.choice(books))
        spoken_one = random.random() < 0.5
        phrase = (
            spoken_captions.caption(product, book, random) if spoken_one else product_captions.caption(product, random)
        )
        said.append(phrase.text)
        relevant.append(facts.accepted(phrase.wish))
    return first_hits(text_vectors(encoder, said) @ shop.gallery(encoder).T, np.stack(relevant))


def first_hits(scores: NDArray[np.float32], relevant: NDArray[np.bool_]) -> Judged:
    """Return the first hits by scores (B, N), and whether each is relevant (B, N)."""
    places = np.argsort(-scores, axis=1)[:, :SHOWN]  # (B, K)
    return Judged(
        np.take_along_axis(scores, places, axis=1).ravel().astype(np.float64),
        np.take_along_axis(relevant, places, axis=1).ravel(),
    )


def nonsense(random: Random) -> str:
    """Return a text that no item satisfies."""
    if random.random() < 0.5:
        return random.choice(_UNRELATED)
    return " ".join(
        "".join(random.choices(ascii_lowercase, k=random.randint(3, 9))) for _ in range(random.randint(1, 4))
    )


def fit(judged: Judged) -> Logistic:
    """Return the logistic curve of highest likelihood, by Newton's method."""
    design = np.stack([judged.scores, np.ones(len(judged.scores))], axis=1)  # (n, 2)
    weights = np.zeros(2)
    for _ in range(_STEPS):
        chances = 1.0 / (1.0 + np.exp(-design @ weights))
        gradient = design.T @ (judged.satisfied - chances)
        curvature = (design * (chances * (1 - chances))[:, None]).T @ design + _RIDGE * np.eye(2)
        weights = weights + np.linalg.solve(curvature, gradient)
    return Logistic(slope=float(weights[0]), intercept=float(weights[1]))


def reliability(curve: Logistic, judged: Judged, *, bins: int = 10) -> list[tuple[float, float, int]]:
    """Return, for each bin of chances that has hits, the mean chance, the share that satisfies, and their number."""
    chances = curve.chance(judged.scores)
    places = np.minimum((chances * bins).astype(np.int64), bins - 1)
    return [
        (float(chances[members].mean()), float(judged.satisfied[members].mean()), int(members.sum()))
        for members in (places == number for number in range(bins))
        if members.any()
    ]


def error(rows: Sequence[tuple[float, float, int]]) -> float:
    """Return the expected calibration error: how far chance and share are apart, in the mean over the hits."""
    return sum(abs(chance - share) * count for chance, share, count in rows) / sum(count for _, _, count in rows)


def shop(encoder: Encoder, *, split: str, products: int, seed: int, cache: Path | None) -> Shop:
    """Return the shop whose hits are judged."""
    return Shop.catalogue(products, split=split, seed=seed, resize=encoder.manifest.resize, cache=cache)


def _written(
    reference: Product, target: Product, random: Random, *, books: Sequence[phrasebook.Phrasebook]
) -> Modification:
    if random.random() < 0.5:
        return towards(reference, target, random)
    return spoken(reference, target, random.choice(books), random)
