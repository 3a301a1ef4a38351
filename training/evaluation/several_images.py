"""Queries of more than one image on the drawn catalogue: two references, or one and an image to be unlike."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.arrays import normalised, unlike
from training.catalogue.language.modification import Question
from training.catalogue.triplets import Facts, Triplet, answer_questions, draw_questions
from training.catalogue.world.world import Product, Wish
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.drawn_queries import ShopEvaluation, query_of, reference_rows
from training.evaluation.drawn_shop import Shop
from training.evaluation.phrasings import PLAIN_SCORING, negated_questions
from training.evaluation.result import Result

UNLIKE = (0.1, 0.2, 0.3)  # weights of the image that answers shall be unlike
UNLIKE_SCORING = Scoring(("R@1", "R@10", "mAP@10", "HN@10"), counts="any")


def unlike_an_image(run: ShopEvaluation) -> Result:
    """Ask for "anything but red" with one of its answers as an image to be unlike: right is what has another value.

    Rows: without that image, and with it at each weight of UNLIKE. HN@10 is the share of the first ten that have what
    the image has. Neither the reference nor the image is ranked.
    """
    shop = run.shop()
    facts = Facts(shop.products)
    questions: list[Question] = []
    posed: list[BenchmarkQuery] = []
    images: list[int] = []
    drawn = [question for negated in negated_questions(run).values() for question in negated]
    for question, triplet in zip(drawn, answer_questions(drawn, shop.products), strict=True):
        found = _unlike(shop, facts, question, triplet)
        if found is not None:
            questions.append(question)
            images.append(found[0])
            posed.append(replace(found[1], id=f"{len(posed)}: {triplet.reference}"))
    vectors = run.vectors(shop, reference_rows(shop, questions), [question.modification.text for question in questions])
    gallery = shop.gallery(run.encoder)
    asked_with = {"without the image": vectors}
    for weight in UNLIKE:
        weights = np.full(len(vectors), weight, np.float32)
        asked_with[f"unlike it, weight {weight}"] = unlike(vectors, gallery[images], weights=weights)
    answers = run.ranked(shop, asked_with, posed)
    return run.result(shop, posed, answers, variant="unlike", scoring=UNLIKE_SCORING)


def _unlike(shop: Shop, facts: Facts, question: Question, triplet: Triplet) -> tuple[int, BenchmarkQuery] | None:
    """Return the image's row, the target's, and the query; None if all answers have the target's value."""
    change = next(change for change in question.modification.differences if change.kind == "negation")
    ((name, values),) = change.allowed.items()
    wish, value = question.modification.wish, question.target.facts()[name]
    right = facts.accepted(replace(wish, allowed={**wish.allowed, name: values - {value}}))
    wrong = facts.accepted(wish) & ~right
    image, reference = shop.row_of[question.target.id], shop.row_of[question.reference.id]
    right[reference] = wrong[image] = False
    if not right.any():
        return None
    ids = [product.id for product in shop.products]
    query = query_of(shop, triplet, triplet.text, ())
    return image, replace(
        query,
        relevant=tuple(ids[row] for row in np.flatnonzero(right)),
        excluded=(*query.excluded, question.target.id),
        negatives=tuple(ids[row] for row in np.flatnonzero(wrong)),
    )


def several_images(run: ShopEvaluation) -> Result:
    """Ask with either of two references, and with both: "like these, but in green".

    The second reference has all that the text leaves alone in common with the first, and does not answer the query.
    The query of both is the normalised mean of the two composed queries. Neither reference is ranked.
    """
    shop = run.shop()
    facts = Facts(shop.products)
    questions: list[Question] = []
    seconds: list[int] = []
    for question in draw_questions(run.sampled(), 4 * run.queries, seed=run.seed):
        second = _second(question, facts, shop.products)
        if second is not None and len(questions) < run.queries:
            questions.append(question)
            seconds.append(second)
    posed = [
        replace(query, excluded=(*query.excluded, shop.products[second].id))
        for query, second in zip(
            (query_of(shop, triplet, triplet.text, ()) for triplet in answer_questions(questions, shop.products)),
            seconds,
            strict=True,
        )
    ]
    texts = [question.modification.text for question in questions]
    one = run.vectors(shop, reference_rows(shop, questions), texts)  # (B, d)
    two = run.vectors(shop, np.array(seconds, dtype=np.int64), texts)
    asked_with = {"first image": one, "second image": two, "both": normalised(one + two)}
    return run.result(shop, posed, run.ranked(shop, asked_with, posed), variant="images", scoring=PLAIN_SCORING)


def _second(question: Question, facts: Facts, products: Sequence[Product]) -> int | None:
    """Return the row of a product that differs from the reference only in what the text names, and is no answer."""
    wish, reference = question.modification.wish, question.reference
    kept = {
        name: frozenset((value,))
        for name, value in reference.facts().items()
        if name not in question.modification.changes and not (name == "second_colour" and "pattern" in wish.allowed)
    }
    fitting = facts.accepted(Wish(kept)) & ~facts.accepted(wish)
    found = [row for row in np.flatnonzero(fitting).tolist() if products[row].id != reference.id]
    return found[0] if found else None
