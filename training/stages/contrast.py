"""The first stage: a small CLIP from random weights, trained on drawn pictures and their captions."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor

from models.errors import ConfigError
from models.nets.backbone import Backbone
from models.tokenizer import Tokenizer
from training import vocabulary
from training.catalogue import describe
from training.catalogue.triplets import Facts
from training.catalogue.world import CATEGORIES
from training.config import Config
from training.datasets import drawn
from training.evaluation import metrics
from training.evaluation.metrics import Rows
from training.losses import symmetric_nce

TOKENIZER = "tokenizer.json"
_EVALUATION_BATCH = 256


class Contrast:
    """What the loop needs to know of this stage: its net, its batches, its loss, its validation."""

    def __init__(self, config: Config, *, out: Path, cache: Path, device: torch.device) -> None:
        """Raises ConfigError where the config's numbers do not go together, before anything is drawn."""
        if config.loop.batch > config.data.products:
            raise ConfigError(f"a batch of {config.loop.batch} is more than the {config.data.products} products")
        path = out / TOKENIZER
        if not path.exists():
            texts = drawn.texts(config.data.products, seed=config.seed)
            vocabulary.learn(texts, size=config.data.vocabulary, path=path)
        self._config = config
        self._device = device
        self.net, self._tokenizer = net(config, out)
        if config.data.vocabulary > self.net.clip.vocab_size:
            raise ConfigError(f"data.vocabulary is more than the {self.net.clip.vocab_size} tokens of the model")
        self.net.to(device)
        size = self.net.image_size
        count, seed = config.data.products, config.seed
        self._products = drawn.products(count, split="train", seed=seed)
        names = list(CATEGORIES)
        self._categories = np.array([names.index(product.category) for product in self._products])  # (N,)
        self._pixels = drawn.pictures(count, split="train", seed=seed, size=size, cache=cache)
        count = config.data.validation_products
        self._validation_products = drawn.products(count, split="val", seed=seed)
        self._validation_pixels = drawn.pictures(count, split="val", seed=seed, size=size, cache=cache)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass over the products."""
        return len(self._products) // self._config.loop.batch

    def batches(self, epoch: int, *, start: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The epoch's batches from number `start` on; a resume sees the same.

        Each is pixels (B, 3, S, S), tokens (B, L') and which pictures each caption describes besides its own (B, B).
        """
        seed = self._config.seed
        for rows in self._order(epoch)[start:]:
            chosen = [self._products[row] for row in rows]
            phrases = drawn.captions(chosen, seed=seed, epoch=epoch)
            facts = Facts(chosen)
            described = torch.from_numpy(np.stack([facts.accepted(phrase.wish) for phrase in phrases]))  # (B, B)
            tokens = self._tokens([phrase.text for phrase in phrases])
            yield torch.from_numpy(self._pixels[rows]), tokens, described.fill_diagonal_(False)

    def _order(self, epoch: int) -> list[Rows]:
        """The rows of each batch of an epoch.

        A share of the batches, growing from none in the first epoch to half in the last, holds one or two categories
        each, so that its members can only be told apart by their details.
        """
        batch = self._config.loop.batch
        random = np.random.Generator(np.random.PCG64([self._config.seed, epoch]))
        shuffled = random.permutation(len(self._products))[: self.steps_per_epoch * batch]
        share = 0.5 * epoch / max(1, self._config.loop.epochs - 1)
        alike, mixed = np.split(shuffled, [int(self.steps_per_epoch * share) * batch])
        alike = alike[np.argsort(self._categories[alike], kind="stable")]
        batches = np.concatenate([alike, mixed]).reshape(-1, batch)  # (steps, B)
        # sorted within a batch, so that the file of pictures is read in one direction
        return [np.sort(rows) for rows in batches[random.permutation(len(batches))]]

    def loss(self, pixels: Tensor, tokens: Tensor, described: Tensor) -> Tensor:
        """Symmetric contrast of pictures and captions; a picture that a caption also describes is no negative."""
        pixels, tokens, described = (part.to(self._device) for part in (pixels, tokens, described))
        pictures, words = self.net.image(pixels), self.net.text(tokens)  # (B, d) each
        scale = self.net.temperature()
        return symmetric_nce(words, pictures, scale=scale, ignored=described)

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Text → image recall on unseen products, counting every product that the caption describes."""
        chosen = self._validation_products
        phrases = [describe.caption(product, Random(f"validation/{product.id}")) for product in chosen]
        blocks = [slice(start, start + _EVALUATION_BATCH) for start in range(0, len(chosen), _EVALUATION_BATCH)]
        pixels = (torch.from_numpy(self._validation_pixels[block].copy()).to(self._device) for block in blocks)
        tokens = (self._tokens([phrase.text for phrase in phrases[block]]).to(self._device) for block in blocks)
        pictures = torch.cat([self.net.image(part) for part in pixels])  # (N, d)
        words = torch.cat([self.net.text(part) for part in tokens])  # (B, d)
        scores = (words @ pictures.T).cpu().numpy()  # (B, N)
        facts = Facts(chosen)
        relevant = [np.flatnonzero(facts.accepted(phrase.wish)) for phrase in phrases]
        ranks = metrics.first_ranks(scores, relevant)  # (B,)
        return {"recall_1": metrics.recall(ranks, 1), "recall_10": metrics.recall(ranks, 10)}

    def _tokens(self, texts: list[str]) -> Tensor:
        """Token ids, cut to the longest text of the batch: (B, L')."""
        ids = self._tokenizer.encode(texts).ids
        longest = int((ids == self._tokenizer.end).argmax(axis=1).max()) + 1
        return torch.from_numpy(ids[:, :longest])


def net(config: Config, run: Path) -> tuple[Backbone, Tokenizer]:
    """The backbone of a run, untrained, and its tokenizer."""
    tokenizer = Tokenizer.open(run / TOKENIZER, context_length=3)
    torch.manual_seed(config.seed)
    backbone = Backbone.create(config.backbone.name, pretrained=config.backbone.pretrained, end=tokenizer.end)
    return backbone, Tokenizer.open(run / TOKENIZER, context_length=backbone.context_length)
