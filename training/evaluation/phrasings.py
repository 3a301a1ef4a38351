"""Strict protocols on the drawn catalogue: every query said in six ways among hard negatives, negations, and turns.

After PinPoint (Pinterest, CVPR 2026), which gives each query six phrasings, explicit negatives and all right answers,
and CIRCUS (2026), which asks how many queries one half of them answers alone. Their galleries are photographs: no
number of theirs can be compared with one of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random

import numpy as np

from models.arrays import Embeddings
from training.catalogue import hard_negatives
from training.catalogue.language import phrasebook
from training.catalogue.language.modification import Modification, Question
from training.catalogue.language.spoken import clauses, reworded, spoken
from training.catalogue.triplets import FAR, Facts, answer_questions, draw_questions
from training.catalogue.world.world import Product
from training.evaluation.benchmarks.benchmark import Scoring
from training.evaluation.drawn_queries import ShopEvaluation, query_of, reference_rows, text_of, text_vectors
from training.evaluation.drawn_shop import Shop
from training.evaluation.result import Answers, Result, Texts

PHRASINGS: tuple[Texts, ...] = ("written", "paraphrased", "misspelt", "editorial", "second-language", "practical")
SCORING = Scoring(("R@1", "R@10", "mAP@10", "HN@10", "R_subset@1"), counts="any")
TURNS = 3
PLAIN_SCORING = Scoring(("R@1", "R@10", "mAP@10"), counts="any")


def phrasings(run: ShopEvaluation) -> Result:
    """Ask each question in all PHRASINGS among its hard negatives; a row each, and the two halves of a query alone.

    Questions that a phrasebook cannot say exactly, as "in camel", are left out. HN@10 is the share of the first ten
    that are explicit negatives: near misses that contradict the text, and not the image alone. The notes name the worst
    phrasing; the share of the first ten that have what the words ask for; and the composition gap: the share of queries
    that are answered first by the whole, and by neither half. The group "comparative" are the queries that have one.
    """
    drawn = draw_questions(run.sampled(), 2 * run.queries, seed=run.seed)
    said = [[text_of(question, texts, seed=run.seed) for texts in PHRASINGS] for question in drawn]
    chosen = [row for row, texts in enumerate(said) if None not in texts][: run.queries]
    questions = [drawn[row] for row in chosen]
    texts_of = {name: [said[row][place] or "" for row in chosen] for place, name in enumerate(PHRASINGS)}
    wrong = hard_negatives.negatives(questions, split=run.split, seed=run.seed)
    shop = run.shop([product for own in wrong for product in own])
    posed = [
        replace(
            query_of(shop, triplet, triplet.text, [product.id for product in own]),
            groups=_groups(question),
            negatives=tuple(product.id for product in own if question.modification.wish.contradicts(product)),
        )
        for triplet, own, question in zip(answer_questions(questions, shop.products), wrong, questions, strict=True)
    ]
    gallery = shop.gallery(run.encoder)
    references = reference_rows(shop, questions)  # (B,)
    asked_with: dict[str, Embeddings] = {
        "image only": gallery[references],
        "text only": text_vectors(run.encoder, texts_of["written"]),
    }
    for name, texts in texts_of.items():
        asked_with[name] = run.vectors(shop, references, texts)
    answers = run.ranked(shop, asked_with, posed)
    notes = [*_notes(answers), _heard(answers, questions, shop)]
    return run.result(shop, posed, answers, variant="phrasings", scoring=SCORING, notes=notes)


def negations(run: ShopEvaluation) -> Result:
    """Ask questions with a negation, "anything but red", in the words of each phrasebook for tests: a group each."""
    shop = run.shop()
    by_book = negated_questions(run)
    questions = [question for negated in by_book.values() for question in negated]
    groups = [name for name, negated in by_book.items() for _ in negated]
    posed = [
        replace(
            query_of(shop, triplet, triplet.text, ()),
            groups=(group,),
            id=f"{number}: {triplet.reference}",
        )
        for number, (triplet, group) in enumerate(zip(answer_questions(questions, shop.products), groups, strict=True))
    ]
    gallery = shop.gallery(run.encoder)
    references = reference_rows(shop, questions)  # (B,)
    said = [question.modification.text for question in questions]
    asked_with = {
        "image only": gallery[references],
        run.encoder.manifest.method: run.vectors(shop, references, said),
    }
    answers = run.ranked(shop, asked_with, posed)
    return run.result(shop, posed, answers, variant="negation", scoring=PLAIN_SCORING)


def negated_questions(run: ShopEvaluation) -> dict[str, list[Question]]:
    """Return questions that have a negation in the words of each phrasebook for tests."""
    found = {}
    for name in phrasebook.TEST:
        writer = partial(_negating, book=phrasebook.book(name))
        drawn = draw_questions(run.sampled(), 2 * run.queries, seed=run.seed, writer=writer)
        negated = [question for question in drawn if "negation" in question.modification.kinds]
        found[name] = negated[: run.queries // len(phrasebook.TEST)]
    return found


def turns(run: ShopEvaluation) -> Result:
    """Ask for three changes one after the other, in the words of the phrasebooks for tests.

    Rows: all said at once in a sentence; the turns joined to one text; and each turn asked of the answer before it, the
    first of its ranking.
    """
    shop = run.shop()
    questions: list[Question] = []
    said, whole = [], []
    for number, question in enumerate(draw_questions(run.sampled(), 10 * run.queries, seed=run.seed)):
        random = Random(f"{run.seed}/turns/{number}")
        book = phrasebook.book(random.choice(phrasebook.TEST))
        steps = clauses(question, book, random) if len(question.modification.differences) == TURNS else None
        text = reworded(question, book, random)
        if steps is not None and text is not None and len(questions) < run.queries:
            questions.append(question)
            said.append(steps)
            whole.append(text)
    posed = [query_of(shop, triplet, triplet.text, ()) for triplet in answer_questions(questions, shop.products)]
    gallery = shop.gallery(run.encoder)
    references = reference_rows(shop, questions)  # (B,)
    ask = partial(run.vectors, shop)
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
    answers = run.ranked(shop, asked_with, posed)
    return run.result(shop, posed, answers, variant="turns", scoring=PLAIN_SCORING)


def _negating(reference: Product, target: Product, random: Random, *, book: phrasebook.Phrasebook) -> Modification:
    return spoken(reference, target, book, random, negated=1.0)


def _groups(question: Question) -> tuple[str, ...]:
    return ("comparative",) if "comparative" in question.modification.kinds else ()


def _heard(answers: Mapping[str, Answers], questions: Sequence[Question], shop: Shop) -> str:
    """Give the share of the first ten, or fewer, that have what the words ask for, if the shop has so many."""
    facts = Facts(shop.products)
    asked = [facts.misses(question.modification.wish) < FAR for question in questions]  # (N,) each
    present = [int(rows.sum()) for rows in asked]
    shares = {
        name: np.mean(
            [
                sum(rows[shop.row_of[id]] for id in first) / min(len(first), count)
                for rows, first, count in zip(asked, answers[name].first, present, strict=True)
            ]
        )
        for name in PHRASINGS
    }
    return "has what the words ask for, of the first ten: " + ", ".join(f"{name} {shares[name]:.3f}" for name in shares)


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
