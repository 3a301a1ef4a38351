"""First stage of SEARLE: a pseudo-word for each image, found by gradient descent."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from models import files
from models.arrays import Rows
from models.errors import ConfigError
from models.nets.pseudo_word import PseudoWord
from training.data.batch import ImageBatch, InvertedBatch
from training.data.config import CaptionedData
from training.data.datasets import EpochDataset
from training.engine import frozen, loop
from training.engine.distributed import World
from training.engine.settings import Section
from training.methods.pseudo_words.phrases import Phrases, Sentence, Sentences

_BLOCK = 256  # images at once; no word depends on the others
_INITIAL_STD = 0.02  # of a word's components before the first step, as of CLIP's own words


class InvertingConfig(Section):
    """The first stage of SEARLE: a word for each of the first images, by gradient descent."""

    data: CaptionedData  # whose captions are not read
    pictures: int = Field(ge=2)  # number of images, from the first on
    sentences: tuple[Sentence, ...] = Field(strict=False, min_length=1)  # each with a word matches its image
    steps: int = Field(default=350, ge=1)
    learning_rate: float = Field(default=2e-2, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    average: float = Field(default=0.99, ge=0, lt=1)  # momentum of a word's moving average, the result
    bound: float = Field(default=0.5, ge=0)  # weight of the phrases


class Inverting:
    """Optimises words block by block; a resumed run keeps the finished blocks."""

    def __init__(
        self,
        config: InvertingConfig,
        *,
        net: PseudoWord,
        sentences: Sentences,
        phrases: Phrases | None,
        data: EpochDataset[ImageBatch],
        precision: str,
        seed: int,
        world: World,
    ) -> None:
        """`precision` is that of the forward passes. Raises ConfigError if the data has too few images."""
        if config.pictures > len(data):
            raise ConfigError(f"inverting.pictures needs {config.pictures} of {len(data)} images: lower it")
        self._config = config
        self._net = net.eval()
        self._sentences = sentences
        self._phrases = phrases
        self._data = data
        self._precision = precision
        self._seed = seed
        self._world = world

    def run(self, folder: Path) -> NDArray[np.float32]:
        """Return the words (N, D) of the first N images, written to `folder`; the ranks share the blocks."""
        starts = range(0, self._config.pictures, _BLOCK)
        paths = [folder / f"words-{start:08}.npy" for start in starts]
        own = list(zip(starts, paths, strict=True))[self._world.rank :: self._world.size]
        for start, path in tqdm(own, unit="block", disable=not self._world.is_first):
            if path.exists():
                continue
            rows = np.arange(start, min(start + _BLOCK, self._config.pictures))
            (batch,) = self._data.batches([rows], epoch=0)
            loop.reseed(f"{self._seed}/inverting", part=start)
            words, cosine = self._words(batch.target.to(self._world.device))
            with (folder / loop.LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps({"images": len(rows), "first": start, "cosine": cosine}) + "\n")
            with files.replacing(path) as part:
                np.save(part, words.cpu().numpy())
        self._world.barrier()
        return np.concatenate([np.load(path) for path in paths])

    def _words(self, images: Tensor) -> tuple[Tensor, float]:
        """Return words (B, D) of images, and the mean cosine of the last step's sentences to their images."""
        config, device = self._config, self._world.device
        embedding = frozen.embedding(self._net.backbone, images)
        target = F.normalize(embedding, dim=-1)  # (B, d)
        initial = torch.randn(len(embedding), self._net.backbone.text_width, device=device) * _INITIAL_STD
        word = initial.requires_grad_(True)
        average = word.detach().clone()
        optimizer = torch.optim.AdamW([word], lr=config.learning_rate, weight_decay=config.weight_decay)
        cosine = torch.zeros(())
        for _ in range(config.steps):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                drawn = self._sentences.drawn(len(embedding))
                ids, places = self._sentences.ids[drawn], self._sentences.places[drawn]
                sentence = self._net.compose(word, ids, places=places)
                cosine = (sentence * target).sum(dim=1)  # (B,)
                loss = (1 - cosine).sum()
                if self._phrases is not None and config.bound:
                    ids, places, concept = self._phrases.drawn(embedding)
                    phrase = self._net.compose(word, ids, places=places)
                    loss = loss + config.bound * phrase_distance(phrase, concept).sum()
            torch.autograd.backward(loss)
            optimizer.step()
            average = config.average * average + (1 - config.average) * word.detach()
        return average, float(cosine.detach().mean())


class Inverted:
    """Images with the words that were found for them."""

    def __init__(self, data: EpochDataset[ImageBatch], words: NDArray[np.float32]) -> None:
        """`words` (N, D) are those of the first N of the data's images."""
        self._data = data
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[InvertedBatch]:
        """Yield the images of each order and their words."""
        for rows, batch in zip(orders, self._data.batches(orders, epoch=epoch), strict=True):
            yield InvertedBatch(target=batch.target, word=torch.from_numpy(self._words[rows]))

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Yield images that are not trained on."""
        yield from self._data.validation(batch=batch)


def phrase_distance(phrase: Tensor, concept: Tensor) -> Tensor:
    """Return 1 − cosine (B,) of phrases with a pseudo-word to phrases with a concept, unit vectors (B, d)."""
    return 1 - (phrase.float() * concept.float()).sum(dim=1)
