"""Evaluation of bundles on the drawn catalogue: composed, pseudo-word and text → image retrieval."""

from pathlib import Path
from random import Random
from typing import Literal

import numpy as np

from models.arrays import normalised
from models.encoder import Encoder
from models.errors import ConfigError
from training.catalogue import hard_negatives
from training.catalogue.language import product_captions
from training.catalogue.triplets import Facts, answer_questions, draw_questions
from training.evaluation.benchmarks.benchmark import BenchmarkQuery
from training.evaluation.drawn_queries import (
    GALLERY,
    ShopEvaluation,
    answers_of,
    protocol_of,
    query_of,
    reference_rows,
    reranked_scores,
    target_first,
    text_of,
    text_vectors,
)
from training.evaluation.drawn_shop import Shop
from training.evaluation.result import EvaluatedModel, Result, Texts
from training.metrics import reranking

SUM_WEIGHT = 0.5  # the text's share in the row "sum": half and half, as in the papers' tables
Variant = Literal["shop", "hard"]


def composed(run: ShopEvaluation, *, variant: Variant = "shop", texts: Texts = "written", rerank: int = 0) -> Result:
    """Measure R@1/5/10/50 and mAP@10 of composed queries: image only, text only, their sum, the bundle's ranking.

    The first three use the bundle's gallery and text graphs. A query counts as answered at rank r if any item that
    satisfies it is there; the reference is never ranked. The group "unseen" are the queries with a target whose
    category and colour never occur together in training; val has none. Other `texts` replace the shopper's, with the
    same correct answers; those of a phrasebook leave out questions that it cannot say exactly, as "in camel". The hard
    variant also ranks each query's hard negatives, and has R_subset@1: the share of targets that rank before all of
    their own negatives. With `rerank` there is one more row: the bundle's own ranking with its first `rerank` items
    re-ranked; raises ConfigError if the bundle has no re-ranker.
    """
    encoder = run.encoder
    if rerank and not encoder.reranks:  # before anything is drawn
        raise ConfigError(f"{encoder.manifest.model_id} has no re-ranker: leave out --rerank, or train one")
    questions, query_texts = [], []
    for question in draw_questions(run.sampled(), run.queries, seed=run.seed):
        said = text_of(question, texts, seed=run.seed)
        if said is not None:
            questions.append(question)
            query_texts.append(said)
    is_hard = variant == "hard"
    split, seed = run.split, run.seed
    wrong = hard_negatives.negatives(questions, split=split, seed=seed) if is_hard else [()] * len(questions)
    shop = run.shop([product for own in wrong for product in own])
    gallery, references = shop.gallery(encoder), reference_rows(shop, questions)  # (N, d) and (B,)
    image, words = gallery[references], text_vectors(encoder, query_texts)  # (B, d)
    vectors = run.vectors(shop, references, query_texts)  # (B, d)
    asked_with = {
        "image only": image,
        "text only": words,
        "sum": normalised((1 - SUM_WEIGHT) * image + SUM_WEIGHT * words),
        encoder.manifest.method: vectors,
    }
    posed = [
        query_of(shop, triplet, text, [product.id for product in own])
        for triplet, text, own in zip(answer_questions(questions, shop.products), query_texts, wrong, strict=True)
    ]
    answers = run.ranked(shop, asked_with, posed)
    if rerank:
        scores = vectors @ gallery.T  # (B, N)
        scores[np.arange(len(questions)), references] = -np.inf
        best = reranking.best_rows(scores, min(rerank, len(gallery) - 1))
        found = reranked_scores(encoder, shop, references, query_texts, composed=vectors, gallery=gallery, rows=best)
        scores = reranking.rerank_scores(scores, best, found)
        answers[f"{encoder.manifest.method} + re-ranking of {rerank}"] = answers_of(shop, scores, posed)
    return run.result(shop, posed, answers, texts=texts)


def pseudo_words(
    encoder: Encoder, *, split: str, products: int, seed: int, date: str, cache: Path | None = None
) -> Result:
    """Measure R@1/5/10/50 of finding each image of a shop among all of them by its own pseudo-word: "a photo of *".

    Raises ConfigError if the bundle makes no pseudo-words.
    """
    sentence = encoder.sentence  # before anything is drawn
    shop = Shop.catalogue(products, split=split, seed=seed, resize=encoder.manifest.resize, cache=cache)
    queries = [BenchmarkQuery(each.id, each.id, (sentence,), (each.id,), GALLERY) for each in shop.products]
    scores = shop.sentences(encoder) @ shop.gallery(encoder).T  # (N, N)
    return Result.from_answers(
        protocol_of("pseudo-word retrieval", split, seed, shop=shop, queries=queries, reference="ranked"),
        EvaluatedModel.from_manifest(encoder.manifest, template=sentence, text_weight=0.0),
        queries,
        {sentence: answers_of(shop, scores, queries)},
        date=date,
    )


def captions(encoder: Encoder, *, split: str, products: int, seed: int, date: str, cache: Path | None = None) -> Result:
    """Measure R@1/5/10/50 and mAP@10 of text → image retrieval: a caption for each product of the split, all ranked.

    Every product that the caption describes counts.
    """
    shop = Shop.independent(products, split=split, seed=seed, resize=encoder.manifest.resize, cache=cache)
    phrases = [product_captions.caption(product, Random(f"{seed}/{split}/{product.id}")) for product in shop.products]
    facts, ids = Facts(shop.products), np.array([product.id for product in shop.products])
    queries = []
    for product, phrase in zip(shop.products, phrases, strict=True):
        described = ids[facts.accepted(phrase.wish)].tolist()
        queries.append(BenchmarkQuery(product.id, "", (phrase.text,), target_first(product.id, described), GALLERY))
    scores = text_vectors(encoder, [phrase.text for phrase in phrases]) @ shop.gallery(encoder).T  # (B, N)
    return Result.from_answers(
        protocol_of("text to image", split, seed, shop=shop, queries=queries, reference="none"),
        EvaluatedModel.from_manifest(encoder.manifest, template="{text}", text_weight=1.0),
        queries,
        {"caption": answers_of(shop, scores, queries)},
        date=date,
    )
