"""Evaluation of a tailored bundle on the products that were held out, against the plain sum and the bundle before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models import preprocess
from models.arrays import Embeddings, Pixels, normalised
from models.encoder import Encoder
from models.preprocess import Resize
from training.data.images import Images
from training.data.shop import triplets
from training.data.shop.dataset import satisfying
from training.data.shop.looks import Looks
from training.data.shop.products import ShopProduct
from training.data.shop.triplets import ShopTriplet
from training.evaluation import ranking
from training.evaluation.benchmarks.benchmark import BenchmarkQuery, Scoring
from training.evaluation.result import Estimate, EvaluatedModel, Protocol, Result

SCORING = Scoring(("R@1", "R@5", "R@10", "R@50", "mAP@10"), counts="any")
SUM, TAILORED, BEFORE = "sum", "tailored", "the bundle before"
_SUM_WEIGHT = 0.5
_BATCH = 64
_GALLERY = "shop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result with a row for each way to query, and the paired differences of R@1 from the tailored bundle's."""

    result: Result
    against: dict[str, Estimate]  # way → R@1 of the tailored bundle minus that of the way

    @classmethod
    def of_result(cls, result: Result) -> "Verdict":
        """Compare the answers of a result."""
        own = result.values(TAILORED)["R@1"]
        others = [way for way in (SUM, BEFORE) if way in result.answers]
        return cls(result, {way: Estimate.from_values(own - result.values(way)["R@1"]) for way in others})

    @classmethod
    def read(cls, path: Path) -> "Verdict":
        """Read the result of an earlier evaluation; raises ConfigError for another file."""
        return cls.of_result(Result.read(path))

    @property
    def is_better(self) -> bool:
        """True if the tailored bundle finds more than the sum and the bundle before, beyond chance."""
        return all(difference.low > 0 for difference in self.against.values())

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        rows = self.result.rows
        way = min(self.against, key=lambda name: self.against[name].value)
        own, other, difference = rows[TAILORED]["R@1"].value, rows[way]["R@1"].value, self.against[way]
        interval = f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
        facts = f"R@1 {own:.3f} against {other:.3f} of {way}, {interval}, on {self.result.protocol.queries} queries"
        return (
            f"the tailored bundle is better: {facts}" if self.is_better else f"it is not better beyond chance: {facts}"
        )


def judge(
    products: Sequence[ShopProduct],
    vectors: Embeddings,
    *,
    before: Encoder,
    tailored: Encoder,
    queries: int,
    seed: int,
    date: str,
) -> Verdict:
    """Ask up to `queries` questions about held-out products, and rank all products of the shop with `vectors` (N, d).

    The right answers are the held-out products that satisfy a text; products of training that do are not ranked, and
    neither is the reference.
    """
    rows = [row for row, product in enumerate(products) if product.split == "held-out"]
    looks = Looks(products)
    held_out = [products[row] for row in rows]
    drawn = triplets.draw(held_out, Looks(held_out), queries, seed=seed, wording="held-out")
    whole = [of_shop(each, rows, looks) for each in drawn]
    posed = [_query(each, products, looks) for each in whole]
    texts = [each.text for each in whole]
    references = np.array([each.reference for each in whole])
    image, words = vectors[references], text_queries(before, texts)
    ways = {
        "image only": image,
        "text only": words,
        SUM: normalised((1 - _SUM_WEIGHT) * image + _SUM_WEIGHT * words),
    }
    if before.manifest.method != "sum":
        ways[BEFORE] = composed_queries(before, products, references, texts)
    ways[TAILORED] = composed_queries(tailored, products, references, texts)
    names = [product.id for product in products]
    row_of = {name: row for row, name in enumerate(names)}
    answers = ranking.ranked(ways, posed, {_GALLERY: names}, vectors=vectors, row_of=row_of)
    protocol = Protocol(
        benchmark="held-out products",
        variant="shop",
        split="held-out",
        says={"answers": "held-out products that satisfy the text", "reference": "never ranked", "seed": str(seed)},
        scoring=SCORING,
        galleries={_GALLERY: len(names)},
        queries=len(posed),
    )
    manifest = tailored.manifest
    model = EvaluatedModel.from_manifest(manifest, template=manifest.template, text_weight=manifest.text_weight)
    return Verdict.of_result(Result.from_answers(protocol, model, posed, answers, date=date))


def of_shop(triplet: ShopTriplet, rows: Sequence[int], looks: Looks) -> ShopTriplet:
    """Return a triplet of the held-out products, in `rows` of the shop, as one of the whole shop."""
    reference, target = rows[triplet.reference], rows[triplet.target]
    wanted = looks.codes[:, target].copy()
    said = looks.codes[:, reference] != wanted
    return replace(triplet, reference=reference, target=target, wanted=wanted, said=said)


def _query(triplet: ShopTriplet, products: Sequence[ShopProduct], looks: Looks) -> BenchmarkQuery:
    reference, target = products[triplet.reference].id, products[triplet.target].id
    right = [products[row] for row in satisfying(looks, triplet)]
    relevant = [each.id for each in right if each.split == "held-out" and each.id != target]
    return BenchmarkQuery(
        id=f"{reference}>{target}: {triplet.text}",
        reference=reference,
        texts=(triplet.text,),
        relevant=(target, *relevant),
        gallery=_GALLERY,
        excluded=(reference, *(each.id for each in right if each.split != "held-out")),
        groups=(f"{int(triplet.said.sum())} changes",),
    )


def text_queries(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    """Return a bundle's queries (B, d) of texts alone."""
    return np.concatenate([encoder.texts(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)])


def composed_queries(
    encoder: Encoder, products: Sequence[ShopProduct], references: np.ndarray, texts: Sequence[str]
) -> Embeddings:
    """Return a bundle's queries (B, d); each reference is decoded once for the texts that follow each other."""
    order = np.argsort(references, kind="stable")
    vectors = np.empty((len(texts), encoder.manifest.dimension), np.float32)
    for start in range(0, len(order), _BATCH):
        block = order[start : start + _BATCH]
        pixels = _pixels([products[row].image for row in references[block]], resize=encoder.manifest.resize)
        weight = encoder.manifest.text_weight
        vectors[block] = encoder.queries(pixels, [texts[row] for row in block], text_weight=weight)
    return vectors


def _pixels(paths: Sequence[str], *, resize: Resize) -> Pixels:
    images = Images.of_files(paths, paths)
    made: dict[str, Pixels] = {}
    for row, path in enumerate(paths):
        if path not in made:
            made[path] = preprocess.pixels(images.decode(row, side=resize.size), resize)
    return np.stack([made[path] for path in paths])
