"""Evaluation of bundles on the drawn catalogue: composed, pseudo-word and text → image retrieval."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np

from models.arrays import Embeddings, Rows, Scores, normalised
from models.encoder import Encoder
from models.errors import ConfigError
from training.catalogue import generated_texts, hard_negatives, write
from training.catalogue.language import product_captions
from training.catalogue.language.modification import Question
from training.catalogue.language.paraphrase import paraphrase
from training.catalogue.language.spelling import add_typos
from training.catalogue.triplets import Facts, Triplet, answer_questions, draw_questions
from training.catalogue.world import sample
from training.catalogue.world.world import Product
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.drawn_shop import BATCH, Shop
from training.evaluation.result import Answers, EvaluatedModel, Protocol, Result, Texts
from training.metrics import reranking, retrieval

SUM_WEIGHT = 0.5  # the text's share in the row "sum": half and half, as in the papers' tables
GALLERY = "catalogue"
SCORING = Scoring(("R@1", "R@5", "R@10", "R@50", "mAP@10"), counts="any")
HARD_SCORING = replace(SCORING, metrics=(*SCORING.metrics, "R_subset@1"))
RANKED_NAMES = 10  # names of each ranking that are stored
Variant = Literal["shop", "hard"]


def composed(
    encoder: Encoder,
    *,
    split: str,
    products: int,
    queries: int,
    seed: int,
    text_weight: float,
    date: str,
    variant: Variant = "shop",
    texts: Texts = "written",
    rerank: int = 0,
    cache: Path | None = None,
) -> Result:
    """Measure R@1/5/10/50 and mAP@10 of composed queries: image only, text only, their sum, the bundle's ranking.

    The first three use the bundle's gallery and text graphs. A query counts as answered at rank r if any item that
    satisfies it is there; the reference is never ranked. The group "unseen" are the queries with a target whose
    category and colour never occur together in training; val has none. Other `texts` replace the shopper's, with the
    same correct answers. The hard variant also ranks each query's hard negatives, and has R_subset@1: the share of
    targets that rank before all of their own negatives. With `rerank` there is one more row: the bundle's own ranking
    with its first `rerank` items re-ranked; raises ConfigError if the bundle has no re-ranker.
    """
    if rerank and not encoder.reranks:  # before anything is drawn
        raise ConfigError(f"{encoder.manifest.model_id} has no re-ranker: leave out --rerank, or train one")
    sampled = sample.catalogue(products, split=split, seed=seed)
    questions = draw_questions(sampled, queries, seed=seed)
    wrong = hard_negatives.negatives(questions, split=split, seed=seed) if variant == "hard" else [()] * len(questions)
    added = [product for own in wrong for product in own]
    shop = Shop.catalogue(products, split=split, seed=seed, size=encoder.manifest.image_size, cache=cache, added=added)
    gallery = shop.gallery(encoder)  # (N, d)
    references = np.array([shop.row_of[question.reference.id] for question in questions], dtype=np.int64)  # (B,)
    query_texts = [_text(question, texts, seed=seed) for question in questions]
    image, words = gallery[references], _texts(encoder, query_texts)  # (B, d)
    asked_with = {
        "image only": image,
        "text only": words,
        "sum": normalised((1 - SUM_WEIGHT) * image + SUM_WEIGHT * words),
        encoder.manifest.method: _composed(encoder, shop, references, query_texts, text_weight=text_weight),
    }
    posed = [
        _query(shop, triplet, text, [product.id for product in own])
        for triplet, text, own in zip(answer_questions(questions, shop.products), query_texts, wrong, strict=True)
    ]
    answers: dict[str, Answers] = {}
    for name, vectors in asked_with.items():
        scores = vectors @ gallery.T  # (B, N)
        scores[np.arange(len(questions)), references] = -np.inf
        answers[name] = _answers(shop, scores, posed)
        if rerank and name == encoder.manifest.method:
            best = reranking.best_rows(scores, min(rerank, len(gallery) - 1))
            found = _reranked(encoder, shop, references, query_texts, composed=vectors, gallery=gallery, rows=best)
            scores = reranking.rerank_scores(scores, best, found)
            answers[f"{name} + re-ranking of {rerank}"] = _answers(shop, scores, posed)
    return Result.from_answers(
        _protocol("composed retrieval", split, seed, shop=shop, queries=posed, reference="never ranked"),
        EvaluatedModel.from_manifest(
            encoder.manifest, template=encoder.manifest.template, text_weight=text_weight, texts=texts
        ),
        posed,
        answers,
        date=date,
    )


def pseudo_words(
    encoder: Encoder, *, split: str, products: int, seed: int, date: str, cache: Path | None = None
) -> Result:
    """Measure R@1/5/10/50 of finding each image of a shop among all of them by its own pseudo-word: "a photo of *".

    Raises ConfigError if the bundle makes no pseudo-words.
    """
    sentence = encoder.sentence  # before anything is drawn
    shop = Shop.catalogue(products, split=split, seed=seed, size=encoder.manifest.image_size, cache=cache)
    queries = [BenchmarkQuery(each.id, each.id, (sentence,), (each.id,), GALLERY) for each in shop.products]
    scores = shop.sentences(encoder) @ shop.gallery(encoder).T  # (N, N)
    return Result.from_answers(
        _protocol("pseudo-word retrieval", split, seed, shop=shop, queries=queries, reference="ranked"),
        EvaluatedModel.from_manifest(encoder.manifest, template=sentence, text_weight=0.0),
        queries,
        {sentence: _answers(shop, scores, queries)},
        date=date,
    )


def captions(encoder: Encoder, *, split: str, products: int, seed: int, date: str, cache: Path | None = None) -> Result:
    """Measure R@1/5/10/50 and mAP@10 of text → image retrieval: a caption for each product of the split, all ranked.

    Every product that the caption describes counts.
    """
    shop = Shop.independent(products, split=split, seed=seed, size=encoder.manifest.image_size, cache=cache)
    phrases = [product_captions.caption(product, Random(f"{seed}/{split}/{product.id}")) for product in shop.products]
    facts, ids = Facts(shop.products), np.array([product.id for product in shop.products])
    queries = []
    for product, phrase in zip(shop.products, phrases, strict=True):
        described = ids[facts.accepted(phrase.wish)].tolist()
        queries.append(BenchmarkQuery(product.id, "", (phrase.text,), _first(product.id, described), GALLERY))
    scores = _texts(encoder, [phrase.text for phrase in phrases]) @ shop.gallery(encoder).T  # (B, N)
    return Result.from_answers(
        _protocol("text to image", split, seed, shop=shop, queries=queries, reference="none"),
        EvaluatedModel.from_manifest(encoder.manifest, template="{text}", text_weight=1.0),
        queries,
        {"caption": _answers(shop, scores, queries)},
        date=date,
    )


def _query(shop: Shop, triplet: Triplet, text: str, wrong: Sequence[str]) -> BenchmarkQuery:
    return BenchmarkQuery(
        id=f"{triplet.reference}>{triplet.target}",
        reference=triplet.reference,
        texts=(text,),
        relevant=_first(triplet.target, triplet.satisfying),
        gallery=GALLERY,
        excluded=(triplet.reference,),
        subset=(triplet.target, *wrong) if wrong else (),
        groups=("unseen",) if _unseen(shop.products[shop.row_of[triplet.target]]) else (),
    )


def _first(target: str, satisfying: Sequence[str]) -> tuple[str, ...]:
    return (target, *(id for id in satisfying if id != target))


def _text(question: Question, texts: Texts, *, seed: int) -> str:
    reference, target = question.reference, question.target
    random = Random(f"{seed}/{texts}/{reference.id}>{target.id}/{question.modification.text}")
    match texts:
        case "written":
            return question.modification.text
        case "generated":
            return generated_texts.text(reference, target, seed=seed)
        case "paraphrased":
            return paraphrase(question, random)
        case "misspelt":
            return add_typos(question.modification.spelt, random)


def _composed(
    encoder: Encoder, shop: Shop, references: Rows, texts: Sequence[str], *, text_weight: float
) -> Embeddings:
    blocks = []
    for start in range(0, len(references), BATCH):
        pixels = shop.pixels[references[start : start + BATCH]]
        blocks.append(encoder.queries(pixels, texts[start : start + BATCH], text_weight=text_weight))
    return np.concatenate(blocks)


def _reranked(
    encoder: Encoder,
    shop: Shop,
    references: Rows,
    texts: Sequence[str],
    *,
    composed: Embeddings,
    gallery: Embeddings,
    rows: Rows,
) -> Scores:
    """Return the re-ranker's scores (B, K) of the candidates `rows` (B, K), from float16 vectors as when serving."""
    blocks = []
    for start in range(0, len(references), BATCH):
        block = slice(start, start + BATCH)
        seen = gallery[rows[block]].astype(np.float16).astype(np.float32)  # (b, K, d)
        changes = encoder.changes(texts[block])
        pixels = shop.pixels[references[block]]
        blocks.append(encoder.rerank(pixels, changes, composed=composed[block], candidates=seen))
    return np.concatenate(blocks)


def _texts(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    return np.concatenate([encoder.texts(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])


def _answers(shop: Shop, scores: Scores, queries: Sequence[BenchmarkQuery]) -> Answers:
    ranks, first, subsets = [], [], []
    for values, query in zip(scores, queries, strict=True):
        wanted = np.array([shop.row_of[id] for id in query.relevant], dtype=np.int64)
        order = retrieval.order(values, last=wanted)
        ranks.append(tuple(retrieval.ranks(order, wanted).tolist()))
        first.append(tuple(shop.products[row].id for row in order[:RANKED_NAMES]))
        own = np.array([shop.row_of[id] for id in query.subset], dtype=np.int64)
        subsets.append(tuple(query.subset[place] for place in np.argsort(retrieval.ranks(order, own))))
    return Answers(ranks=tuple(ranks), first=tuple(first), subset=tuple(subsets) if any(subsets) else ())


def _protocol(
    benchmark: str, split: str, seed: int, *, shop: Shop, queries: Sequence[BenchmarkQuery], reference: str
) -> Protocol:
    answering = float(np.mean([len(query.relevant) for query in queries]))
    negatives = f"{hard_negatives.PER_QUESTION} a query, each with one visible attribute other than its target's"
    is_hard = any(query.subset for query in queries)
    return Protocol(
        benchmark=f"{benchmark}, drawn catalogue",
        variant="hard" if is_hard else "shop",
        split=split,
        says={
            "world": str(write.VERSION),
            "seed": str(seed),
            "reference": reference,
            "answers": f"every item that satisfies the query, {answering:.2f} on average",
            "ties": "against the query",
            **({"negatives": negatives} if is_hard else {}),
        },
        scoring=HARD_SCORING if is_hard else SCORING,
        galleries={GALLERY: len(shop.products)},
        queries=len(queries),
    )


def _unseen(product: Product) -> bool:
    return sample.held_out(product.category, product.look["colour"])
