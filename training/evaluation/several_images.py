"""Queries of more than one picture on the drawn catalogue: two references alike in all that the text leaves alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.arrays import normalised
from models.encoder import Encoder
from training.catalogue.language.modification import Question
from training.catalogue.triplets import Facts, answer_questions, draw_questions
from training.catalogue.world import sample
from training.catalogue.world.world import Product, Wish
from training.evaluation.drawn_queries import answers_of, composed_vectors, protocol_of, query_of
from training.evaluation.drawn_shop import Shop
from training.evaluation.phrasings import PLAIN_SCORING
from training.evaluation.result import EvaluatedModel, Result


def several_images(
    encoder: Encoder,
    *,
    split: str,
    products: int,
    queries: int,
    seed: int,
    text_weight: float,
    date: str,
    cache: Path | None = None,
) -> Result:
    """Ask with either of two references, and with both: "like these, but in green".

    The second reference has all that the text leaves alone in common with the first, and does not answer the query.
    The query of both is the normalised mean of the two composed queries. Neither reference is ranked.
    """
    sampled = sample.catalogue(products, split=split, seed=seed)
    shop = Shop.catalogue(products, split=split, seed=seed, size=encoder.manifest.image_size, cache=cache)
    facts = Facts(shop.products)
    questions: list[Question] = []
    seconds: list[int] = []
    for question in draw_questions(sampled, 4 * queries, seed=seed):
        second = _second(question, facts, shop.products)
        if second is not None and len(questions) < queries:
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
    gallery = shop.gallery(encoder)
    firsts = np.array([shop.row_of[question.reference.id] for question in questions], dtype=np.int64)  # (B,)
    others = np.array(seconds, dtype=np.int64)
    texts = [question.modification.text for question in questions]
    one, two = (composed_vectors(encoder, shop, rows, texts, text_weight=text_weight) for rows in (firsts, others))
    answers = {}
    for name, vectors in {"first image": one, "second image": two, "both": normalised(one + two)}.items():
        scores = vectors @ gallery.T  # (B, N)
        for rows in (firsts, others):
            scores[np.arange(len(rows)), rows] = -np.inf
        answers[name] = answers_of(shop, scores, posed)
    protocol = protocol_of("composed retrieval", split, seed, shop=shop, queries=posed, reference="never ranked")
    return Result.from_answers(
        replace(protocol, variant="images", scoring=PLAIN_SCORING),
        EvaluatedModel.from_manifest(encoder.manifest, template=encoder.manifest.template, text_weight=text_weight),
        posed,
        answers,
        date=date,
    )


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
