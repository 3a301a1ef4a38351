"""A small CLIP from random weights, trained on drawn images and their captions, and exported as the weighted sum."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from models import spelling
from models.arrays import Rows
from models.errors import ConfigError
from models.nets.backbone import Backbone
from models.tokenizer import Tokenizer
from training import sentence_encoder, vocabulary
from training.bundles.export import FinishedModel
from training.catalogue.language import product_captions
from training.catalogue.language.product_captions import Phrase
from training.catalogue.triplets import Facts
from training.catalogue.world import attributes
from training.catalogue.world.world import CATEGORIES, Product
from training.data.batch import ContrastBatch
from training.data.config import DrawnCaptions
from training.data.drawn import images, spelt
from training.data.order import alike
from training.engine import checkpoint, loop
from training.engine.backbones import TOKENIZER
from training.engine.distributed import World
from training.engine.ema import Average
from training.engine.lengths import by_length
from training.engine.losses import symmetric_nce
from training.engine.settings import BackboneConfig, LoopConfig, OptimConfig, Section
from training.methods.attribute_heads import AttributeHeads
from training.methods.weighted_sum import weighted_sum_model
from training.metrics import retrieval

_ENCODER = "encoder.safetensors"  # of a run: the sentence encoder that it began with
_EVALUATION_BATCH = 256


class ContrastLoss(Section):
    """The contrast of images and captions + attributes · the cross-entropy of the drawn attributes."""

    attributes: float = Field(default=0.0, ge=0)
    attributes_first: int = Field(default=0, ge=0)  # epochs at the beginning that learn the attributes alone


class TextConfig(Section):
    """The sentence encoder that the text tower begins as; its words, and its tokenizer, stay as they are."""

    encoder: str  # the package that carries it, or a folder
    learns: int = Field(default=2, ge=0)  # of its blocks, the last ones


class ContrastConfig(Section):
    """A run that trains a small CLIP."""

    stages: ClassVar[tuple[str, ...]] = ()  # the one stage is in the run's folder itself
    triplets: ClassVar[None] = None

    method: Literal["contrast"]
    seed: int
    backbone: BackboneConfig
    text: TextConfig | None = None
    data: DrawnCaptions
    loss: ContrastLoss = ContrastLoss()
    average: float = Field(default=0.0, ge=0, lt=1)  # momentum of the weights' average, which is the model; 0: none
    optim: OptimConfig
    loop: LoopConfig

    @property
    def device(self) -> str:
        """The device to train on."""
        return self.loop.device

    def train(self, out: Path, *, until: str, world: World) -> None:
        """Train in the folder `out`; see `Method.train`."""
        with world.first():
            stage = ContrastStage(self, out=out, cache=out.parent / "cache", world=world)
        loop.fit(stage, seed=self.seed, optim=self.optim, loop=self.loop, folder=out, world=world)

    def untrained(self, run: Path) -> tuple[Backbone, Tokenizer]:
        """Return the CLIP of a run with random weights, and its tokenizer."""
        tokenizer = Tokenizer.open(run / TOKENIZER, context_length=3)
        torch.manual_seed(self.seed)
        own = self.backbone
        backbone = Backbone.create(own.name, pretrained=own.pretrained, like=own.like, end=tokenizer.end)
        if self.text is not None:
            sentence_encoder.load(self.text.encoder, backbone, copy=run / _ENCODER)
            sentence_encoder.freeze(backbone, learns=self.text.learns)
        return backbone, Tokenizer.open(run / TOKENIZER, context_length=backbone.context_length)

    def finished(self, run: Path, *, stage: str) -> FinishedModel:
        """Return the model of a finished run; see `Method.finished`."""
        backbone, _ = self.untrained(run)
        net = ContrastNet(backbone, self)
        checkpoint.load(net, checkpoint.best(run))
        return weighted_sum_model(net.settled(), name=self.backbone.name, tokenizer_file=run / TOKENIZER)


class ContrastNet(nn.Module):
    """A CLIP with the classifiers and the average of weights that a run asks for."""

    def __init__(self, backbone: Backbone, config: ContrastConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = AttributeHeads(backbone.dimension) if config.loss.attributes else None
        self.average = Average(backbone) if config.average else None

    def settled(self) -> Backbone:
        """Return the CLIP with the average of its weights, if there is one."""
        return self.backbone if self.average is None else self.average.settled(self.backbone)


class ContrastStage:
    """Net, batches, loss and validation of the one stage."""

    score = "recall_1"

    def __init__(self, config: ContrastConfig, *, out: Path, cache: Path, world: World) -> None:
        """Raises ConfigError if the config's numbers do not go together, before anything is drawn."""
        self._share = world.share(config.loop.batch)
        if config.loop.batch > config.data.products:
            raise ConfigError(f"a batch of {config.loop.batch} is more than the {config.data.products} products")
        path = out / TOKENIZER
        if config.text is not None:
            sentence_encoder.write_tokenizer(config.text.encoder, path)
            vocabulary.write_words(spelt.texts(config.data.products, seed=config.seed), out / spelling.FILE)
        elif not path.exists():
            texts = images.texts(config.data.products, seed=config.seed)
            vocabulary.learn(texts, size=config.data.vocabulary, path=path)
        self._config = config
        self._device = world.device
        self.images: Tensor | None = None
        backbone, self._tokenizer = config.untrained(out)
        if config.text is None and config.data.vocabulary > backbone.clip.vocab_size:
            raise ConfigError(f"data.vocabulary is more than the {backbone.clip.vocab_size} tokens of the model")
        self.net = ContrastNet(backbone, config).to(self._device)
        size = backbone.image_size
        count, seed = config.data.products, config.seed
        self._products = images.products(count, split="train", seed=seed)
        names = list(CATEGORIES)
        self._categories = np.array([names.index(product.category) for product in self._products])  # (N,)
        self._codes = attributes.codes(self._products)  # (N, A)
        self._pixels = images.pixels(count, split="train", seed=seed, size=size, cache=cache)
        count = config.data.validation_products
        self._validation_products = images.products(count, split="val", seed=seed)
        self._validation_pixels = images.pixels(count, split="val", seed=seed, size=size, cache=cache)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one epoch over the products."""
        return len(self._products) // self._config.loop.batch

    def batches(self, epoch: int, *, start: int) -> Iterator[ContrastBatch]:
        """Yield this rank's rows of each global batch from number `start` on; a resumed run gets the same batches."""
        columns = np.arange(self._config.loop.batch)[self._share]  # (b,): of the own images
        for rows in self._order(epoch)[start:]:
            chosen = [self._products[row] for row in rows]
            own = rows[self._share]
            batch = ContrastBatch(pixels=torch.from_numpy(self._pixels[own]), codes=torch.from_numpy(self._codes[own]))
            if epoch < self._config.loss.attributes_first:
                yield batch
                continue
            phrases = self._captions(chosen[self._share], epoch=epoch)
            facts = Facts(chosen)
            described = np.stack([facts.accepted(phrase.wish) for phrase in phrases])  # (b, M)
            described[np.arange(len(columns)), columns] = False
            tokens = self._tokens([phrase.text for phrase in phrases])
            yield replace(batch, tokens=tokens, described=torch.from_numpy(described))

    def _captions(self, products: Sequence[Product], *, epoch: int) -> list[Phrase]:
        data = self._config.data
        return images.captions(
            products,
            seed=self._config.seed,
            epoch=epoch,
            phrasebooks=data.phrasebooks,
            spoken=data.spoken,
            misspelt=data.misspelt,
        )

    def _order(self, epoch: int) -> list[Rows]:
        """Return the rows of each batch; the share of batches of one or two categories grows from none to half."""
        share = 0.5 * epoch / max(1, self._config.loop.epochs - 1)
        return alike(self._categories, share=share, batch=self._config.loop.batch, seed=self._config.seed, epoch=epoch)

    def embeddings(self, batch: ContrastBatch) -> dict[str, Tensor]:
        """Return `image` and `text` (b, d), the temperature as `scale` (b,), and the pairs that are no negatives.

        Without captions only `image`. With classifiers also their `scores` (b, V) and the right `codes` (b, A).
        """
        net = self.net.backbone
        found = {"image": net.image(batch.pixels)}
        if batch.tokens is not None and batch.described is not None:
            scale = net.temperature().expand(len(batch.pixels))
            text = by_length(net.ends(batch.tokens), batch.tokens, lambda _, tokens: net.text(tokens))
            found |= {"text": text, "scale": scale, "described": batch.described}
        if self.net.heads is not None:
            found |= {"scores": self.net.heads(found["image"]), "codes": batch.codes}
        return found

    def loss(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Contrast images and captions in both directions; other images that a caption describes are no negatives."""
        loss = embeddings["image"].new_zeros(())
        if "text" in embeddings:
            scale, described = embeddings["scale"][0], embeddings["described"]
            loss = loss + symmetric_nce(embeddings["text"], embeddings["image"], scale=scale, ignored=described)
        if self.net.heads is not None:
            classified = self.net.heads.loss(embeddings["scores"], embeddings["codes"])
            loss = loss + self._config.loss.attributes * classified
        return loss

    def stepped(self, done: float) -> None:
        """Let the average follow the weights; early ones are soon forgotten."""
        if self.net.average is not None:
            step = done * self._config.loop.epochs * self.steps_per_epoch
            momentum = min(self._config.average, (1 + step) / (10 + step))
            self.net.average.follow(self.net.backbone, momentum=momentum)

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Return text → image recall on unseen products; every product that the caption describes counts.

        With classifiers also the share of `attributes` that they read right, and of products read right as a `whole`.
        """
        net = self.net.settled().eval()
        chosen = self._validation_products
        phrases = [product_captions.caption(product, Random(f"validation/{product.id}")) for product in chosen]
        blocks = [slice(start, start + _EVALUATION_BATCH) for start in range(0, len(chosen), _EVALUATION_BATCH)]
        pixels = (torch.from_numpy(self._validation_pixels[block].copy()).to(self._device) for block in blocks)
        tokens = (self._tokens([phrase.text for phrase in phrases[block]]).to(self._device) for block in blocks)
        gallery = torch.cat([net.image(part) for part in pixels])  # (N, d)
        texts = torch.cat([net.text(part) for part in tokens])  # (B, d)
        self.images = gallery
        scores = (texts @ gallery.T).cpu().numpy()  # (B, N)
        facts = Facts(chosen)
        relevant = [np.flatnonzero(facts.accepted(phrase.wish)) for phrase in phrases]
        ranks = retrieval.first_ranks(scores, relevant)  # (B,)
        found = {"recall_1": retrieval.recall(ranks, 1), "recall_10": retrieval.recall(ranks, 10)}
        if self.net.heads is not None:
            codes = torch.from_numpy(attributes.codes(chosen)).to(self._device)  # (N, A)
            right = self.net.heads.right(self.net.heads(gallery), codes)  # (N, A)
            has = codes != attributes.ABSENT
            found |= {"attributes": float(right[has].float().mean()), "whole": float(right.all(dim=1).float().mean())}
            for name, column, own in zip(attributes.VALUES, right.T, has.T, strict=True):
                found[name] = float(column[own].float().mean())
        return found

    def _tokens(self, texts: list[str]) -> Tensor:
        """Return token ids, cut to the longest text of the batch: (B, L')."""
        ids = self._tokenizer.encode(texts).ids
        longest = int((ids == self._tokenizer.end).argmax(axis=1).max()) + 1
        return torch.from_numpy(ids[:, :longest])
