"""Triplets of the drawn world, each with the first products of a bundle's ranking, as embeddings computed once."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models import files
from models.arrays import Embeddings, Pixels, Rows
from models.bundle import CANDIDATES
from models.encoder import Encoder
from training.catalogue.triplets import Triplet, triplets
from training.catalogue.world.world import Product
from training.data import order
from training.data.batch import CandidateBatch
from training.data.config import DrawnTriplets
from training.data.drawn import images
from training.data.drawn.triplets import SHOP, choose, tensor
from training.metrics import reranking

Halves = NDArray[np.float16]  # as a gallery stores its vectors
_BATCH = 64


class Ranked:
    """Triplets of one split: rows of its products, token ids, and a bundle's embeddings of images and queries."""

    def __init__(
        self,
        encoder: Encoder,
        products: Sequence[Product],
        chosen: Sequence[Triplet],
        *,
        split: str,
        seed: int,
        cache: Path,
    ) -> None:
        """`products` are the first of the split; files of embeddings are written to `cache`."""
        row_of = {product.id: row for row, product in enumerate(products)}
        size = encoder.manifest.image_size
        self.references = np.array([row_of[triplet.reference] for triplet in chosen], dtype=np.int64)  # (T,)
        self.targets = np.array([row_of[triplet.target] for triplet in chosen], dtype=np.int64)  # (T,)
        self.satisfying = [np.array([row_of[id] for id in triplet.satisfying], dtype=np.int64) for triplet in chosen]
        self._encoder = encoder
        self._cache = cache
        self._pixels = images.pixels(len(products), split=split, seed=seed, size=size, cache=cache)
        texts = [triplet.text for triplet in chosen]
        self.tokens = encoder.changes(texts).tokens.ids  # (T, L)
        key = images.key(len(products), split=split, seed=seed, size=size)
        self.gallery = self._cached("gallery", f"{key}/{encoder.manifest.space_id}", len(products), self._embedded)
        weight = encoder.manifest.text_weight  # not part of the graphs, like the template
        inputs = hashlib.sha256(f"{weight} {encoder.manifest.template}\n".encode() + "\n".join(texts).encode())
        inputs.update(self.references.tobytes())
        order_of = np.argsort(self.references, kind="stable")  # the queries of an image in a row: the encoder caches it
        key = f"{key}/{encoder.manifest.model_id}/{inputs.hexdigest()}"
        composed = self._cached("composed", key, len(chosen), lambda rows: self._composed(order_of[rows], texts))
        self.composed = np.empty_like(composed)  # (T, d)
        self.composed[order_of] = composed

    def candidates(self, rows: Rows, *, shop: slice) -> Rows:
        """Return the first of a shop's products for some triplets, without the reference: (B, CANDIDATES)."""
        scores = self.composed[rows].astype(np.float32) @ self.gallery[shop].astype(np.float32).T  # (B, n)
        scores[np.arange(len(rows)), self.references[rows] - shop.start] = -np.inf
        best: Rows = reranking.best_rows(scores, min(CANDIDATES, scores.shape[1] - 1)) + shop.start
        return best

    def _embedded(self, rows: slice) -> Embeddings:
        return self._encoder.gallery(np.array(self._pixels[rows]))

    def _composed(self, rows: Rows, texts: Sequence[str]) -> Embeddings:
        pixels: Pixels = self._pixels[self.references[rows]]
        weight = self._encoder.manifest.text_weight
        return self._encoder.queries(pixels, [texts[row] for row in rows], text_weight=weight)

    def _cached(self, name: str, key: str, count: int, compute: Callable[[slice], Embeddings]) -> Halves:
        """Return the file `name` (count, d), computed block by block if it is missing."""
        path = self._cache / f"ranked-{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        if not path.exists():
            starts = tqdm(range(0, count, _BATCH), desc=name, unit="batch", mininterval=1.0)
            blocks = [compute(slice(start, min(start + _BATCH, count))).astype(np.float16) for start in starts]
            with files.replacing(path) as part:
                np.save(part, np.concatenate(blocks))
        loaded: Halves = np.load(path)
        return loaded


class DrawnCandidates:
    """Triplets that a re-ranker learns from, each ranked by the bundle within its shop."""

    def __init__(
        self, config: DrawnTriplets, encoder: Encoder, *, hardest: int, drawn_others: int, seed: int, cache: Path
    ) -> None:
        """Each step sees the `hardest` candidates of a query and `drawn_others`, drawn anew.

        Raises ConfigError if the products have fewer triplets than the config says.
        """
        train = images.products(config.products, split="train", seed=seed)
        val = images.products(config.validation_products, split="val", seed=seed)
        self._seed = seed
        self._hardest, self._others = hardest, drawn_others
        self._end = encoder.end
        chosen = choose(train, config, seed=seed)
        self._train = Ranked(encoder, train, chosen, split="train", seed=seed, cache=cache)
        self._candidates = _by_shop(self._train, len(train))  # (T, K)
        chosen = triplets(val, config.validation_triplets, seed=seed)
        self.validation = Ranked(encoder, val, chosen, split="val", seed=seed, cache=cache)

    def __len__(self) -> int:
        return len(self._candidates)

    def batches(self, *, batch: int, epoch: int, start: int, share: slice) -> Iterator[CandidateBatch]:
        """Yield the `share` of each global batch of an epoch from number `start` on; a resumed run gets the same.

        Among the candidates that satisfy the text is the target, if the bundle ranks it there itself.
        """
        triplets = self._train
        orders = order.shuffled(len(self), batch=batch, seed=self._seed, epoch=epoch)
        for number in range(start, len(orders)):
            rows = orders[number]
            random = np.random.Generator(np.random.PCG64([self._seed, epoch, number]))
            behind = self._candidates.shape[1] - self._hardest
            others = random.permuted(np.tile(np.arange(behind), (len(rows), 1)), axis=1)[:, : self._others]
            others = self._hardest + others[share]  # (b, others)
            own = rows[share]
            columns = np.concatenate([np.tile(np.arange(self._hardest), (len(own), 1)), others], axis=1)  # (b, K)
            seen = np.take_along_axis(self._candidates[own], columns, axis=1)
            seen = np.concatenate([triplets.targets[own, np.newaxis], seen], axis=1)  # (b, 1+K)
            satisfied = np.stack([np.isin(line, triplets.satisfying[row]) for line, row in zip(seen, own, strict=True)])
            satisfied[:, 0] = False
            yield CandidateBatch(
                reference=tensor(triplets.gallery[triplets.references[own]]),
                composed=tensor(triplets.composed[own]),
                candidates=tensor(triplets.gallery[seen]),
                text=tensor(cut(triplets.tokens[own], end=self._end)),
                satisfied=tensor(satisfied),
            )


def cut(ids: NDArray[np.int64], *, end: int) -> NDArray[np.int64]:
    """Return token ids (b, L) without the columns that are padding in every row (b, L')."""
    return ids[:, : int((ids == end).argmax(axis=1).max()) + 1]


def _by_shop(ranked: Ranked, products: int) -> Rows:
    """Return the candidates of all triplets, each from its own shop."""
    candidates = np.empty((len(ranked.targets), min(CANDIDATES, min(SHOP, products) - 1)), dtype=np.int64)
    for start in range(0, products, SHOP):
        shop = slice(start, min(start + SHOP, products))
        rows = np.flatnonzero((ranked.targets >= shop.start) & (ranked.targets < shop.stop))
        for block in np.array_split(rows, max(1, len(rows) // 2048)) if len(rows) else ():
            some = ranked.candidates(block, shop=shop)
            candidates[block] = some[:, np.arange(candidates.shape[1]) % some.shape[1]]  # repeated in a small last shop
    return candidates
