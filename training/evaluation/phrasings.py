"""Strict protocols on the drawn catalogue: every query said in six ways among hard negatives, negations, and turns.

After PinPoint (Pinterest, CVPR 2026), which gives each query six phrasings, explicit negatives and all right answers,
and CIRCUS (2026), which asks how many queries one half of them answers alone. Their galleries are photographs: no
number of theirs can be compared with one of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from models.arrays import Embeddings
from models.encoder import Encoder
from training.catalogue import hard_negatives
from training.catalogue.language import phrasebook
from training.catalogue.language.modification import Modification, Question
from training.catalogue.language.spoken import clauses, reworded, spoken
from training.catalogue.triplets import answer_questions, draw_questions
from training.catalogue.world import sample
from training.catalogue.world.world import Product
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.drawn_queries import (
    answers_of,
    composed_vectors,
    protocol_of,
    query_of,
    text_of,
    text_vectors,
)
from training.evaluation.drawn_shop import Shop
from training.evaluation.result import Answers, EvaluatedModel, Result, Texts

PHRASINGS: tuple[Texts, ...] = ("written", "paraphrased", "misspelt", "editorial", "second-language", "practical")
SCORING = Scoring(("R@1", "R@10", "mAP@10", "HN@10", "R_subset@1"), counts="any")
TURNS = 3
PLAIN_SCORING = Scoring(("R@1", "R@10", "mAP@10"), counts="any")


def phrasings(
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
    """Ask each question in all PHRASINGS among its hard negatives; a row each, and the two halves of a query alone.

    Questions that a phrasebook cannot say exactly, as "in camel", are left out. HN@10 is the share of the first ten
    that are explicit negatives. The notes name the worst phrasing, and the composition gap: the share of queries that
    are answered first by the whole, and by neither half. The group "comparative" are the queries that have one.
    """
    sampled = sample.catalogue(products, split=split, seed=seed)
    drawn = draw_questions(sampled, 2 * queries, seed=seed)
    said = [[text_of(question, texts, seed=seed) for texts in PHRASINGS] for question in drawn]
    chosen = [row for row, texts in enumerate(said) if None not in texts][:queries]
    questions = [drawn[row] for row in chosen]
    texts_of = {name: [said[row][place] or "" for row in chosen] for place, name in enumerate(PHRASINGS)}
    wrong = hard_negatives.negatives(questions, split=split, seed=seed)
    added = [product for own in wrong for product in own]
    shop = Shop.catalogue(products, split=split, seed=seed, size=encoder.manifest.image_size, cache=cache, added=added)
    posed = [
        replace(
            query_of(shop, triplet, triplet.text, [product.id for product in own]),
            groups=_groups(question),
        )
        for triplet, own, question in zip(answer_questions(questions, shop.products), wrong, questions, strict=True)
    ]
    gallery = shop.gallery(encoder)
    references = np.array([shop.row_of[question.reference.id] for question in questions], dtype=np.int64)  # (B,)
    asked_with: dict[str, Embeddings] = {
        "image only": gallery[references],
        "text only": text_vectors(encoder, texts_of["written"]),
    }
    for name, texts in texts_of.items():
        asked_with[name] = composed_vectors(encoder, shop, references, texts, text_weight=text_weight)
    answers = _ranked(shop, gallery, references, asked_with, posed)
    protocol = protocol_of("composed retrieval", split, seed, shop=shop, queries=posed, reference="never ranked")
    return Result.from_answers(
        replace(protocol, variant="phrasings", scoring=SCORING),
        EvaluatedModel.from_manifest(encoder.manifest, template=encoder.manifest.template, text_weight=text_weight),
        posed,
        answers,
        date=date,
        notes=_notes(answers),
    )


def negations(
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
    """Ask questions with a negation, "anything but red", in the words of each phrasebook for tests: a group each."""
    sampled = sample.catalogue(products, split=split, seed=seed)
    shop = Shop.catalogue(products, split=split, seed=seed, size=encoder.manifest.image_size, cache=cache)
    questions: list[Question] = []
    groups: list[str] = []
    for name in phrasebook.TEST:
        writer = partial(_negating, book=phrasebook.book(name))
        drawn = draw_questions(sampled, 2 * queries, seed=seed, writer=writer)
        negated = [question for question in drawn if "negation" in question.modification.kinds]
        questions += negated[: queries // len(phrasebook.TEST)]
        groups += [name] * (len(questions) - len(groups))
    posed = [
        replace(
            query_of(shop, triplet, triplet.text, ()),
            groups=(group,),
            id=f"{number}: {triplet.reference}",
        )
        for number, (triplet, group) in enumerate(zip(answer_questions(questions, shop.products), groups, strict=True))
    ]
    gallery = shop.gallery(encoder)
    references = np.array([shop.row_of[question.reference.id] for question in questions], dtype=np.int64)
    said = [question.modification.text for question in questions]
    asked_with = {
        "image only": gallery[references],
        encoder.manifest.method: composed_vectors(encoder, shop, references, said, text_weight=text_weight),
    }
    protocol = protocol_of("composed retrieval", split, seed, shop=shop, queries=posed, reference="never ranked")
    return Result.from_answers(
        replace(protocol, variant="negation", scoring=PLAIN_SCORING),
        EvaluatedModel.from_manifest(encoder.manifest, template=encoder.manifest.template, text_weight=text_weight),
        posed,
        _ranked(shop, gallery, references, asked_with, posed),
        date=date,
    )


def turns(
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
    """Ask for three changes one after the other, in the words of the phrasebooks for tests.

    Rows: all said at once in a sentence; the turns joined to one text; and each turn asked of the answer before it, the
    first of its ranking.
    """
    sampled = sample.catalogue(products, split=split, seed=seed)
    shop = Shop.catalogue(products, split=split, seed=seed, size=encoder.manifest.image_size, cache=cache)
    questions: list[Question] = []
    said, whole = [], []
    for number, question in enumerate(draw_questions(sampled, 10 * queries, seed=seed)):
        random = Random(f"{seed}/turns/{number}")
        book = phrasebook.book(random.choice(phrasebook.TEST))
        steps = clauses(question, book, random) if len(question.modification.differences) == TURNS else None
        text = reworded(question, book, random)
        if steps is not None and text is not None and len(questions) < queries:
            questions.append(question)
            said.append(steps)
            whole.append(text)
    posed = [query_of(shop, triplet, triplet.text, ()) for triplet in answer_questions(questions, shop.products)]
    gallery = shop.gallery(encoder)
    references = np.array([shop.row_of[question.reference.id] for question in questions], dtype=np.int64)
    ask = partial(composed_vectors, encoder, shop, text_weight=text_weight)
    asked_with = {
        "image only": gallery[references],
        "at once": ask(references, whole),
        "joined": ask(references, [", ".join(steps) for steps in said]),
    }
    latest, seen = references, [references]
    for turn in range(TURNS):
        vectors = ask(latest, [steps[turn] for steps in said])
        scores = vectors @ gallery.T
        for rows in seen:  # what was shown before is not the answer to the next turn
            scores[np.arange(len(rows)), rows] = -np.inf
        latest = scores.argmax(axis=1)
        seen.append(latest)
    asked_with["answer by answer"] = vectors
    protocol = protocol_of("composed retrieval", split, seed, shop=shop, queries=posed, reference="never ranked")
    return Result.from_answers(
        replace(protocol, variant="turns", scoring=PLAIN_SCORING),
        EvaluatedModel.from_manifest(encoder.manifest, template=encoder.manifest.template, text_weight=text_weight),
        posed,
        _ranked(shop, gallery, references, asked_with, posed),
        date=date,
    )


def _negating(reference: Product, target: Product, random: Random, *, book: phrasebook.Phrasebook) -> Modification:
    return spoken(reference, target, book, random, negated=1.0)


def _groups(question: Question) -> tuple[str, ...]:
    return ("comparative",) if "comparative" in question.modification.kinds else ()


def _ranked(
    shop: Shop,
    gallery: Embeddings,
    references: np.ndarray[tuple[int], np.dtype[np.int64]],
    asked_with: Mapping[str, Embeddings],
    posed: Sequence[BenchmarkQuery],
) -> dict[str, Answers]:
    answers = {}
    for name, vectors in asked_with.items():
        scores = vectors @ gallery.T  # (B, N)
        scores[np.arange(len(references)), references] = -np.inf
        answers[name] = answers_of(shop, scores, posed)
    return answers


def _notes(answers: Mapping[str, Answers]) -> list[str]:
    right = {name: found.best == 1 for name, found in answers.items()}  # (B,) each
    share = {name: float(right[name].mean()) for name in PHRASINGS}
    worst, best = min(share, key=share.__getitem__), max(share, key=share.__getitem__)
    fall = 1 - share[worst] / share[best] if share[best] else 0.0
    halves = right["image only"] | right["text only"]
    gap = float((right["written"] & ~halves).mean())
    return [
        f"worst phrasing: {worst}, R@1 {share[worst]:.3f}, {fall:.1%} below the best, {best}",
        f"composition gap: {gap:.1%} of the queries are answered first by the whole and by neither half"
        f" ({float(halves.mean()):.1%} by a half)",
    ]
