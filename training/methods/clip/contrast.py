"""The first stage: a small CLIP from random weights, trained on drawn pictures and their captions."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor

from models.arrays import Rows
from models.errors import ConfigError
from models.nets.backbone import Backbone
from models.tokenizer import Tokenizer
from training.catalogue.language import product_captions
from training.catalogue.triplets import Facts
from training.catalogue.world.world import CATEGORIES
from training.data.drawn import images
from training.data.order import alike
from training.engine import vocabulary
from training.engine.distributed import World
from training.engine.losses import symmetric_nce
from training.methods.clip.config import ContrastConfig
from training.metrics import retrieval

TOKENIZER = "tokenizer.json"
_EVALUATION_BATCH = 256


class ContrastStage:
    """What the loop needs to know of this stage: its net, its batches, its loss, its validation."""

    score = "recall_1"

    def __init__(self, config: ContrastConfig, *, out: Path, cache: Path, world: World) -> None:
        """Raises ConfigError where the config's numbers do not go together, before anything is drawn."""
        self._share = world.share(config.loop.batch)
        if config.loop.batch > config.data.products:
            raise ConfigError(f"a batch of {config.loop.batch} is more than the {config.data.products} products")
        path = out / TOKENIZER
        if not path.exists():
            texts = images.texts(config.data.products, seed=config.seed)
            vocabulary.learn(texts, size=config.data.vocabulary, path=path)
        self._config = config
        self._device = world.device
        self.net, self._tokenizer = net(config, out)
        if config.data.vocabulary > self.net.clip.vocab_size:
            raise ConfigError(f"data.vocabulary is more than the {self.net.clip.vocab_size} tokens of the model")
        self.net.to(self._device)
        size = self.net.image_size
        count, seed = config.data.products, config.seed
        self._products = images.products(count, split="train", seed=seed)
        names = list(CATEGORIES)
        self._categories = np.array([names.index(product.category) for product in self._products])  # (N,)
        self._pixels = images.pictures(count, split="train", seed=seed, size=size, cache=cache)
        count = config.data.validation_products
        self._validation_products = images.products(count, split="val", seed=seed)
        self._validation_pixels = images.pictures(count, split="val", seed=seed, size=size, cache=cache)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass over the products."""
        return len(self._products) // self._config.loop.batch

    def batches(self, epoch: int, *, start: int) -> Iterator[dict[str, Tensor]]:
        """This rank's b rows of each global batch of M, from number `start` of the epoch on; a resume sees the same.

        Each is pixels (b, 3, S, S), tokens (b, L') and which pictures each caption describes besides its own (b, M).
        """
        seed = self._config.seed
        columns = np.arange(self._config.loop.batch)[self._share]  # (b,): of the own pictures
        for rows in self._order(epoch)[start:]:
            chosen = [self._products[row] for row in rows]
            phrases = images.captions(chosen[self._share], seed=seed, epoch=epoch)
            facts = Facts(chosen)
            described = np.stack([facts.accepted(phrase.wish) for phrase in phrases])  # (b, M)
            described[np.arange(len(columns)), columns] = False
            yield {
                "pixels": torch.from_numpy(self._pixels[rows[self._share]]),
                "tokens": self._tokens([phrase.text for phrase in phrases]),
                "described": torch.from_numpy(described),
            }

    def _order(self, epoch: int) -> list[Rows]:
        """The rows of each batch; the share of those of one or two categories grows from none to half of an epoch's."""
        share = 0.5 * epoch / max(1, self._config.loop.epochs - 1)
        return alike(self._categories, share=share, batch=self._config.loop.batch, seed=self._config.seed, epoch=epoch)

    def embeddings(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """image and text (b, d), the temperature as scale (b,), and the pairs that are no negatives (b, M)."""
        image, text = self.net.image(batch["pixels"]), self.net.text(batch["tokens"])
        scale = self.net.temperature().expand(len(image))
        return {"image": image, "text": text, "scale": scale, "described": batch["described"]}

    def loss(self, found: dict[str, Tensor]) -> Tensor:
        """Symmetric contrast of pictures and captions; a picture that a caption also describes is no negative."""
        return symmetric_nce(found["text"], found["image"], scale=found["scale"][0], ignored=found["described"])

    def stepped(self, done: float) -> None:
        """Nothing follows a step."""

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Text → image recall on unseen products, counting every product that the caption describes."""
        chosen = self._validation_products
        phrases = [product_captions.caption(product, Random(f"validation/{product.id}")) for product in chosen]
        blocks = [slice(start, start + _EVALUATION_BATCH) for start in range(0, len(chosen), _EVALUATION_BATCH)]
        pixels = (torch.from_numpy(self._validation_pixels[block].copy()).to(self._device) for block in blocks)
        tokens = (self._tokens([phrase.text for phrase in phrases[block]]).to(self._device) for block in blocks)
        pictures = torch.cat([self.net.image(part) for part in pixels])  # (N, d)
        words = torch.cat([self.net.text(part) for part in tokens])  # (B, d)
        scores = (words @ pictures.T).cpu().numpy()  # (B, N)
        facts = Facts(chosen)
        relevant = [np.flatnonzero(facts.accepted(phrase.wish)) for phrase in phrases]
        ranks = retrieval.first_ranks(scores, relevant)  # (B,)
        return {"recall_1": retrieval.recall(ranks, 1), "recall_10": retrieval.recall(ranks, 10)}

    def _tokens(self, texts: list[str]) -> Tensor:
        """Token ids, cut to the longest text of the batch: (B, L')."""
        ids = self._tokenizer.encode(texts).ids
        longest = int((ids == self._tokenizer.end).argmax(axis=1).max()) + 1
        return torch.from_numpy(ids[:, :longest])


def net(config: ContrastConfig, run: Path) -> tuple[Backbone, Tokenizer]:
    """The backbone of a run, untrained, and its tokenizer."""
    tokenizer = Tokenizer.open(run / TOKENIZER, context_length=3)
    torch.manual_seed(config.seed)
    backbone = Backbone.create(config.backbone.name, pretrained=config.backbone.pretrained, end=tokenizer.end)
    return backbone, Tokenizer.open(run / TOKENIZER, context_length=backbone.context_length)
