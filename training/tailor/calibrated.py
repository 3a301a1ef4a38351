"""Meaning of a tailored bundle's scores, fitted on questions about products of validation, in the whole shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embeddings
from models.bundle import Calibration
from models.encoder import Encoder
from training.data.shop import phrases, triplets
from training.data.shop.clauses import Wording
from training.data.shop.looks import FAR, Looks
from training.data.shop.phrases import WORD
from training.data.shop.products import ShopProduct, Split
from training.evaluation import calibration
from training.evaluation.calibration import Judged
from training.tailor.verdict import composed_queries, of_shop, text_queries

_QUERIES = 600  # of each kind and split
_FEWEST = 50  # hits that satisfy, and others, without which a curve says nothing
_NAMED = 3  # attributes of a text alone, at most


@dataclass(frozen=True, slots=True)
class FittedCalibration:
    """The curves, and how far chance and share were apart on questions about held-out products, by kind of query."""

    curves: Calibration
    errors: dict[str, float]


def calibrate(
    products: Sequence[ShopProduct], vectors: Embeddings, encoder: Encoder, *, seed: int
) -> FittedCalibration | None:
    """Fit both curves with the products' vectors (N, d) as gallery; None if too few hits satisfy, or fail to."""
    shop = _Shop(products, vectors, Looks(products), encoder, seed)
    curves, errors = {}, {}
    for kind, ask in (("composed", shop.composed), ("text", shop.text)):
        known, unseen = ask("validation", "validation"), ask("held-out", "held-out")
        if min(int((each.satisfied == right).sum()) for each in (known, unseen) for right in (True, False)) < _FEWEST:
            return None
        curves[kind] = calibration.fit(known)
        errors[kind] = calibration.error(calibration.reliability(curves[kind], unseen))
    return FittedCalibration(Calibration(**curves), errors)


@dataclass(frozen=True, slots=True)
class _Shop:
    products: Sequence[ShopProduct]
    vectors: Embeddings  # (N, d)
    looks: Looks
    encoder: Encoder
    seed: int

    def composed(self, split: Split, wording: Wording) -> Judged:
        """Judge the first hits of composed queries whose references are of the split."""
        rows = self._rows(split)
        some = [self.products[row] for row in rows]
        drawn = triplets.draw(some, Looks(some), _QUERIES, seed=self.seed, wording=wording)
        if not drawn:
            return Judged(np.empty(0), np.empty(0, np.bool_))
        whole = [of_shop(each, rows, self.looks) for each in drawn]
        references = np.array([each.reference for each in whole])  # (B,)
        queries = composed_queries(self.encoder, self.products, references, [each.text for each in whole])
        scores = queries @ self.vectors.T  # (B, N)
        scores[np.arange(len(whole)), references] = -np.inf
        misses = [self.looks.misses(wanted=each.wanted, said=each.said) for each in whole]
        return calibration.first_hits(scores, np.stack(misses) == 0)

    def text(self, split: Split, wording: Wording) -> Judged:
        """Judge the first hits of texts alone, which name some attributes of a product, or nothing of the shop."""
        rows, texts, relevant = self._rows(split), list[str](), list[NDArray[np.bool_]]()
        for number in range(_QUERIES):
            random = Random(f"{self.seed}/calibration/{split}/{number}")
            row = random.choice(rows)
            names = self._named(row, random)
            if not names or random.random() < calibration.NONSENSE:
                texts.append(calibration.nonsense(random))
                relevant.append(np.zeros(len(self.products), np.bool_))
                continue
            said = np.array([name in names for name in self.looks.names])  # (A,)
            texts.append(phrases.description({name: self.products[row].looks[name] for name in names}))
            relevant.append(self.looks.misses(wanted=self.looks.codes[:, row], said=said) < FAR)
        return calibration.first_hits(text_queries(self.encoder, texts) @ self.vectors.T, np.stack(relevant))

    def _rows(self, split: Split) -> list[int]:
        return [row for row, product in enumerate(self.products) if product.split == split]

    def _named(self, row: int, random: Random) -> list[str]:
        """Return some attributes that the product has, mostly with what it is."""
        looks = self.products[row].looks
        sayable = [name for name in looks if name.startswith(WORD) or phrases.is_sayable(looks[name])]
        count = random.randint(1, _NAMED)
        names = random.sample(sayable, min(count, len(sayable)))
        kind = phrases.kind(list(looks))
        return list(dict.fromkeys([*names, *([kind] if kind in sayable and random.random() < 0.8 else [])]))
