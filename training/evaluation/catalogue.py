"""The drawn catalogue as a benchmark of bundles: composed retrieval, and text → image retrieval."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from random import Random

import numpy as np
from tqdm import tqdm

from models.arrays import Embeddings, Pixels
from models.encoder import Encoder
from training.catalogue import describe, sample
from training.catalogue.triplets import Facts, triplets
from training.catalogue.world import Product
from training.datasets import drawn
from training.evaluation import metrics
from training.evaluation.metrics import Rows

KS = (1, 5, 10, 50)
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a result must be read with."""

    benchmark: str
    split: str
    seed: int
    gallery: int  # items ranked
    queries: int
    relevant_mean: float  # items that satisfy a query, on average
    reference_excluded: bool
    text_weight: float
    template: str
    model_id: str
    space_id: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its 95 % bootstrap interval over queries."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark: its protocol, and for each way of asking each metric."""

    protocol: Protocol
    rows: dict[str, dict[str, Estimate]]

    def as_json(self) -> dict[str, object]:
        """Plain values for `json.dumps`."""
        return {
            "protocol": asdict(self.protocol),
            "rows": {k: {m: asdict(e) for m, e in r.items()} for k, r in self.rows.items()},
        }


def composed(encoder: Encoder, *, split: str, products: int, queries: int, seed: int, text_weight: float) -> Result:
    """R@1/5/10/50 and mAP@10 of composed queries over a shop of the split: image only, text only, and the bundle's own.

    A query counts as answered at rank r where any item that satisfies it stands there; the reference is never ranked.
    Rows ending in "unseen" are the queries with a target whose category and colour never met in training.
    """
    shop = list(sample.catalogue(products, split=split, seed=seed))
    asked = triplets(shop, queries, seed=seed)
    row_of = {product.id: row for row, product in enumerate(shop)}
    gallery = embed(encoder, shop)  # (N, d)
    references = [row_of[triplet.reference] for triplet in asked]
    words = [triplet.text for triplet in asked]
    asked_with = {
        "image only": gallery[references],
        "text only": _texts(encoder, words),
        encoder.manifest.method: _composed(encoder, [shop[row] for row in references], words, text_weight=text_weight),
    }
    relevant = [np.array([row_of[id] for id in triplet.satisfying], dtype=np.int64) for triplet in asked]
    unseen = np.array([_unseen(shop[row_of[triplet.target]]) for triplet in asked])  # (B,)
    rows: dict[str, dict[str, Estimate]] = {}
    for name, vectors in asked_with.items():
        scores = vectors @ gallery.T  # (B, N)
        scores[np.arange(len(asked)), references] = -np.inf
        values = _per_query(scores, relevant)
        rows[name] = {metric: _estimate(column) for metric, column in values.items()}
        if unseen.any():  # never in val
            rows[f"{name}, unseen"] = {metric: _estimate(column[unseen]) for metric, column in values.items()}
    protocol = _protocol(
        encoder,
        "composed retrieval",
        split,
        seed,
        gallery=len(shop),
        relevant=relevant,
        reference_excluded=True,
        text_weight=text_weight,
        template=encoder.manifest.template,
    )
    return Result(protocol=protocol, rows=rows)


def captions(encoder: Encoder, *, split: str, products: int, seed: int) -> Result:
    """R@1/5/10/50 and mAP@10 of text → image retrieval: a caption for each product of the split, all of them ranked.

    Every product that the caption describes counts.
    """
    shop = drawn.products(products, split=split, seed=seed)
    phrases = [describe.caption(product, Random(f"{seed}/{split}/{product.id}")) for product in shop]
    facts = Facts(shop)
    relevant = [np.flatnonzero(facts.accepted(phrase.wish)) for phrase in phrases]
    scores = _texts(encoder, [phrase.text for phrase in phrases]) @ embed(encoder, shop).T  # (B, N)
    protocol = _protocol(
        encoder,
        "text to image",
        split,
        seed,
        gallery=len(shop),
        relevant=relevant,
        reference_excluded=False,
        text_weight=1.0,
        template="{text}",
    )
    rows = {"caption": {metric: _estimate(column) for metric, column in _per_query(scores, relevant).items()}}
    return Result(protocol=protocol, rows=rows)


def embed(encoder: Encoder, products: Sequence[Product]) -> Embeddings:
    """Gallery embeddings (N, d) of the products' pictures."""
    blocks = [encoder.gallery(block) for block in _pictures(encoder, products, label="gallery")]
    return np.concatenate(blocks)


def _composed(
    encoder: Encoder, references: Sequence[Product], texts: Sequence[str], *, text_weight: float
) -> Embeddings:
    blocks = []
    for number, block in enumerate(_pictures(encoder, references, label="queries")):
        words = texts[number * _BATCH : (number + 1) * _BATCH]
        blocks.append(encoder.queries(block, words, text_weight=text_weight))
    return np.concatenate(blocks)


def _texts(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    return np.concatenate([encoder.texts(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)])


def _pictures(encoder: Encoder, products: Sequence[Product], *, label: str) -> Iterable[Pixels]:
    size = encoder.manifest.image_size
    for start in tqdm(range(0, len(products), _BATCH), desc=label, unit="batch", leave=False):
        yield np.stack([drawn.picture(product, size=size) for product in products[start : start + _BATCH]])


def _per_query(scores: metrics.Scores, relevant: Sequence[Rows]) -> dict[str, metrics.Values]:
    """Each metric's value for every query (B,)."""
    found = [metrics.ranks(values, rows) for values, rows in zip(scores, relevant, strict=True)]
    first = np.array([ranks[0] for ranks in found])
    values = {f"R@{k}": (first <= k).astype(np.float64) for k in KS}
    precise = [metrics.average_precision(ranks, 10, relevant=len(ranks)) for ranks in found]
    return {**values, "mAP@10": np.array(precise)}


def _estimate(values: metrics.Values) -> Estimate:
    low, high = metrics.interval(values)
    return Estimate(value=float(values.mean()), low=low, high=high)


def _protocol(
    encoder: Encoder,
    benchmark: str,
    split: str,
    seed: int,
    *,
    gallery: int,
    relevant: Sequence[Rows],
    reference_excluded: bool,
    text_weight: float,
    template: str,
) -> Protocol:
    """What both benchmarks say of themselves."""
    return Protocol(
        benchmark=f"{benchmark}, drawn catalogue",
        split=split,
        seed=seed,
        gallery=gallery,
        queries=len(relevant),
        relevant_mean=float(np.mean([len(rows) for rows in relevant])),
        reference_excluded=reference_excluded,
        text_weight=text_weight,
        template=template,
        model_id=encoder.manifest.model_id,
        space_id=encoder.manifest.space_id,
    )


def _unseen(product: Product) -> bool:
    return sample.held_out(product.category, product.look["colour"])
