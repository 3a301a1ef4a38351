"""Triplets of the drawn world with what a bundle ranks first for each, as vectors alone: computed once, then mapped."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models import files
from models.arrays import Embeddings, Pixels, Rows
from models.bundle import CANDIDATES
from models.encoder import Encoder
from training.catalogue.triplets import Triplet, triplets
from training.catalogue.world.world import Product
from training.data import order
from training.data.config import DrawnTriplets
from training.data.drawn import images
from training.data.drawn.triplets import SHOP, chosen
from training.metrics import reranking

Halves = NDArray[np.float16]  # as a gallery keeps its vectors
_BATCH = 64


class Ranked:
    """Triplets of one split: rows of its products, token ids, and the vectors of pictures and queries, by a bundle."""

    def __init__(
        self,
        encoder: Encoder,
        products: Sequence[Product],
        asked: Sequence[Triplet],
        *,
        split: str,
        seed: int,
        cache: Path,
    ) -> None:
        """`products` are the first of the split; files of vectors are kept in `cache`."""
        row_of = {product.id: row for row, product in enumerate(products)}
        size = encoder.manifest.image_size
        self.references = np.array([row_of[triplet.reference] for triplet in asked], dtype=np.int64)  # (T,)
        self.targets = np.array([row_of[triplet.target] for triplet in asked], dtype=np.int64)  # (T,)
        self.satisfying = [np.array([row_of[id] for id in triplet.satisfying], dtype=np.int64) for triplet in asked]
        self._encoder = encoder
        self._cache = cache
        self._pixels = images.pictures(len(products), split=split, seed=seed, size=size, cache=cache)
        texts = [triplet.text for triplet in asked]
        self.tokens = encoder.changes(texts).tokens.ids  # (T, L)
        key = images.key(len(products), split=split, seed=seed, size=size)
        self.gallery = self._kept("gallery", f"{key}/{encoder.manifest.space_id}", len(products), self._embedded)
        weight = encoder.manifest.text_weight  # which no graph knows, as little as the template
        said = hashlib.sha256(f"{weight} {encoder.manifest.template}\n".encode() + "\n".join(texts).encode())
        said.update(self.references.tobytes())
        order_of = np.argsort(self.references, kind="stable")  # a picture's queries after each other: it is kept
        composed = self._kept(
            "composed",
            f"{key}/{encoder.manifest.model_id}/{said.hexdigest()}",
            len(asked),
            lambda rows: self._composed(order_of[rows], texts),
        )
        self.composed = np.empty_like(composed)  # (T, d)
        self.composed[order_of] = composed

    def candidates(self, rows: Rows, *, shop: slice) -> Rows:
        """The first of the ranking of a shop's products for some triplets, never the reference: (B, CANDIDATES)."""
        scores = self.composed[rows].astype(np.float32) @ self.gallery[shop].astype(np.float32).T  # (B, n)
        scores[np.arange(len(rows)), self.references[rows] - shop.start] = -np.inf
        found: Rows = reranking.best_rows(scores, min(CANDIDATES, scores.shape[1] - 1)) + shop.start
        return found

    def _embedded(self, rows: slice) -> Embeddings:
        return self._encoder.gallery(np.array(self._pixels[rows]))

    def _composed(self, rows: Rows, texts: Sequence[str]) -> Embeddings:
        pixels: Pixels = self._pixels[self.references[rows]]
        weight = self._encoder.manifest.text_weight
        return self._encoder.queries(pixels, [texts[row] for row in rows], text_weight=weight)

    def _kept(self, what: str, key: str, count: int, compute: Callable[[slice], Embeddings]) -> Halves:
        """The file of `what`, (count, d), made block by block where it is missing."""
        path = self._cache / f"ranked-{what}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        if not path.exists():
            starts = tqdm(range(0, count, _BATCH), desc=what, unit="batch", mininterval=1.0)
            blocks = [compute(slice(start, min(start + _BATCH, count))).astype(np.float16) for start in starts]
            with files.replacing(path) as part:
                np.save(part, np.concatenate(blocks))
        loaded: Halves = np.load(path)
        return loaded


class DrawnCandidates:
    """What a re-ranker learns from: triplets that the bundle may not have seen, each ranked in its shop."""

    def __init__(
        self, config: DrawnTriplets, encoder: Encoder, *, hardest: int, drawn_others: int, seed: int, cache: Path
    ) -> None:
        """Each step sees the `hardest` candidates of a query and so many others, drawn anew.

        Raises ConfigError where the products have fewer triplets than are asked for.
        """
        train = images.products(config.products, split="train", seed=seed)
        val = images.products(config.validation_products, split="val", seed=seed)
        self._seed = seed
        self._hardest, self._others = hardest, drawn_others
        self._end = encoder.end
        asked = chosen(train, config, seed=seed)
        self._train = Ranked(encoder, train, asked, split="train", seed=seed, cache=cache)
        self._candidates = _by_shop(self._train, len(train))  # (T, K)
        asked = triplets(val, config.validation_triplets, seed=seed)
        self.validation = Ranked(encoder, val, asked, split="val", seed=seed, cache=cache)

    def __len__(self) -> int:
        return len(self._candidates)

    def batches(self, *, batch: int, epoch: int, start: int, share: slice) -> Iterator[dict[str, Tensor]]:
        """The `share` of each global batch of an epoch, from number `start` on; a resume sees the same.

        `reference` and `composed` (b, d), `candidates` (b, 1+K, d), the target first; `text` (b, L'), and `satisfied`
        (b, 1+K): which candidates satisfy the text as well as the target, the target among them once more.
        """
        found = self._train
        orders = order.shuffled(len(self), batch=batch, seed=self._seed, epoch=epoch)
        for number in range(start, len(orders)):
            rows = orders[number]
            random = np.random.Generator(np.random.PCG64([self._seed, epoch, number]))
            behind = self._candidates.shape[1] - self._hardest
            others = random.permuted(np.tile(np.arange(behind), (len(rows), 1)), axis=1)[:, : self._others]
            others = self._hardest + others[share]  # (b, others)
            own = rows[share]
            places = np.concatenate([np.tile(np.arange(self._hardest), (len(own), 1)), others], axis=1)  # (b, K)
            seen = np.take_along_axis(self._candidates[own], places, axis=1)
            seen = np.concatenate([found.targets[own, np.newaxis], seen], axis=1)  # (b, 1+K)
            satisfied = np.stack([np.isin(line, found.satisfying[row]) for line, row in zip(seen, own, strict=True)])
            satisfied[:, 0] = False
            arrays = {
                "reference": found.gallery[found.references[own]],
                "composed": found.composed[own],
                "candidates": found.gallery[seen],
                "text": cut(found.tokens[own], end=self._end),
                "satisfied": satisfied,
            }
            yield {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def cut(ids: NDArray[np.int64], *, end: int) -> NDArray[np.int64]:
    """Token ids (b, L) without the columns that are padding in every row (b, L')."""
    return ids[:, : int((ids == end).argmax(axis=1).max()) + 1]


def _by_shop(ranked: Ranked, products: int) -> Rows:
    """The candidates of all triplets, each of its own shop."""
    found = np.empty((len(ranked.targets), min(CANDIDATES, min(SHOP, products) - 1)), dtype=np.int64)
    for start in range(0, products, SHOP):
        shop = slice(start, min(start + SHOP, products))
        rows = np.flatnonzero((ranked.targets >= shop.start) & (ranked.targets < shop.stop))
        for block in np.array_split(rows, max(1, len(rows) // 2048)) if len(rows) else ():
            some = ranked.candidates(block, shop=shop)
            found[block] = some[:, np.arange(found.shape[1]) % some.shape[1]]  # a small last shop's come again
    return found
