"""Queries of more than one picture on the drawn catalogue: two references alike in all that the text leaves alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.arrays import normalised
from training.catalogue.language.modification import Question
from training.catalogue.triplets import Facts, answer_questions, draw_questions
from training.catalogue.world.world import Product, Wish
from training.evaluation.drawn_queries import ShopEvaluation, query_of, reference_rows
from training.evaluation.phrasings import PLAIN_SCORING
from training.evaluation.result import Result


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
