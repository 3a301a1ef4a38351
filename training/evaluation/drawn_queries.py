"""Queries to a drawn shop: their texts, vectors and answers, and the protocol in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from models.arrays import Embeddings, Rows, Scores
from models.encoder import Encoder
from training.catalogue import generated_texts, hard_negatives, write
from training.catalogue.language import phrasebook
from training.catalogue.language.modification import Question
from training.catalogue.language.paraphrase import paraphrase
from training.catalogue.language.spelling import add_typos
from training.catalogue.language.spoken import reworded
from training.catalogue.triplets import Triplet
from training.catalogue.world import sample
from training.catalogue.world.world import Product
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.drawn_shop import BATCH, Shop
from training.evaluation.result import Answers, EvaluatedModel, Protocol, Result, Texts
from training.metrics import retrieval

GALLERY = "catalogue"
SCORING = Scoring(("R@1", "R@5", "R@10", "R@50", "mAP@10"), counts="any")
HARD_SCORING = Scoring((*SCORING.metrics, "R_subset@1"), counts="any")
RANKED_NAMES = 10  # names of each ranking that are stored


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopEvaluation:
    """A bundle, the drawn shop that it searches, and the number of queries."""

    encoder: Encoder
    split: str
    products: int
    queries: int
    seed: int
    text_weight: float
    date: str
    cache: Path | None = None

    def sampled(self) -> list[Product]:
        """Return the shop's own products."""
        return sample.catalogue(self.products, split=self.split, seed=self.seed)

    def shop(self, added: Sequence[Product] = ()) -> Shop:
        """Return the shop with its images, followed by the hard negatives `added`."""
        resize, cache = self.encoder.manifest.resize, self.cache
        return Shop.catalogue(self.products, split=self.split, seed=self.seed, resize=resize, cache=cache, added=added)

    def vectors(self, shop: Shop, references: Rows, texts: Sequence[str]) -> Embeddings:
        """Return the bundle's vectors (B, d) of composed queries."""
        return composed_vectors(self.encoder, shop, references, texts, text_weight=self.text_weight)

    def ranked(
        self, shop: Shop, asked_with: Mapping[str, Embeddings], posed: Sequence[BenchmarkQuery]
    ) -> dict[str, Answers]:
        """Return the answers of each way to query, without the items that a query excludes."""
        gallery = shop.gallery(self.encoder)
        answers = {}
        for name, vectors in asked_with.items():
            scores = vectors @ gallery.T  # (B, N)
            for row, query in enumerate(posed):
                scores[row, [shop.row_of[id] for id in query.excluded]] = -np.inf
            answers[name] = answers_of(shop, scores, posed)
        return answers

    def result(
        self,
        shop: Shop,
        posed: Sequence[BenchmarkQuery],
        answers: Mapping[str, Answers],
        *,
        variant: str = "",
        scoring: Scoring | None = None,
        texts: Texts = "written",
        notes: Sequence[str] = (),
    ) -> Result:
        """Return the result of composed queries; variant and scoring are by default those of the queries."""
        found = protocol_of(
            "composed retrieval", self.split, self.seed, shop=shop, queries=posed, reference="never ranked"
        )
        found = replace(found, variant=variant or found.variant, scoring=scoring or found.scoring)
        manifest = self.encoder.manifest
        model = EvaluatedModel.from_manifest(
            manifest, template=manifest.template, text_weight=self.text_weight, texts=texts
        )
        return Result.from_answers(found, model, posed, answers, date=self.date, notes=notes)


def reference_rows(shop: Shop, questions: Sequence[Question]) -> Rows:
    """Return the rows of the questions' references (B,)."""
    return np.array([shop.row_of[question.reference.id] for question in questions], dtype=np.int64)


def query_of(shop: Shop, triplet: Triplet, text: str, wrong: Sequence[str]) -> BenchmarkQuery:
    """Return the query of a triplet, said as `text`; `wrong` are the names of its hard negatives."""
    return BenchmarkQuery(
        id=f"{triplet.reference}>{triplet.target}",
        reference=triplet.reference,
        texts=(text,),
        relevant=target_first(triplet.target, triplet.satisfying),
        gallery=GALLERY,
        excluded=(triplet.reference,),
        subset=(triplet.target, *wrong) if wrong else (),
        groups=("unseen",) if _unseen(shop.products[shop.row_of[triplet.target]]) else (),
    )


def target_first(target: str, satisfying: Sequence[str]) -> tuple[str, ...]:
    """Return all right answers, the target before the others."""
    return (target, *(id for id in satisfying if id != target))


def text_of(question: Question, texts: Texts, *, seed: int) -> str | None:
    """Return a question's text in one kind of words; None if a phrasebook cannot say exactly what it means."""
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
        case _:
            return reworded(question, phrasebook.book(texts), random)


def composed_vectors(
    encoder: Encoder, shop: Shop, references: Rows, texts: Sequence[str], *, text_weight: float
) -> Embeddings:
    """Return the bundle's vectors (B, d) of reference rows (B,) with their texts."""
    blocks = []
    for start in range(0, len(references), BATCH):
        pixels = shop.pixels[references[start : start + BATCH]]
        blocks.append(encoder.queries(pixels, texts[start : start + BATCH], text_weight=text_weight))
    return np.concatenate(blocks)


def reranked_scores(
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


def text_vectors(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    """Return the vectors (B, d) of texts alone."""
    return np.concatenate([encoder.texts(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])


def answers_of(shop: Shop, scores: Scores, queries: Sequence[BenchmarkQuery]) -> Answers:
    """Return the ranks of the right answers among scores (B, N), ties against the query."""
    ranks, first, subsets = [], [], []
    for values, query in zip(scores, queries, strict=True):
        wanted = np.array([shop.row_of[id] for id in query.relevant], dtype=np.int64)
        order = retrieval.order(values, last=wanted)
        ranks.append(tuple(retrieval.ranks(order, wanted).tolist()))
        first.append(tuple(shop.products[row].id for row in order[:RANKED_NAMES]))
        own = np.array([shop.row_of[id] for id in query.subset], dtype=np.int64)
        subsets.append(tuple(query.subset[place] for place in np.argsort(retrieval.ranks(order, own))))
    return Answers(ranks=tuple(ranks), first=tuple(first), subset=tuple(subsets) if any(subsets) else ())


def protocol_of(
    benchmark: str, split: str, seed: int, *, shop: Shop, queries: Sequence[BenchmarkQuery], reference: str
) -> Protocol:
    """Describe the protocol of a benchmark over a shop; `reference` says whether it is ranked."""
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
