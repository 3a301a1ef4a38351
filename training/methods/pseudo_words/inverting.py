"""The first stage of SEARLE: a word for each of some pictures, found by gradient descent, picture by picture."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from models import files
from models.arrays import Rows
from models.errors import ConfigError
from models.nets.pseudo_word import PseudoWord
from training.engine import frozen, loop
from training.engine.distributed import World
from training.methods.pseudo_words.config import InvertingConfig
from training.methods.pseudo_words.phrases import Phrases, Sentences
from training.methods.pseudo_words.words import PseudoWordData

_BLOCK = 256  # pictures at once; no word depends on the others
_BEGINNING = 0.02  # standard deviation of a word's components before the first step, as of CLIP's own words


class Inverting:
    """Optimises words, block by block; the blocks of a killed run stay."""

    def __init__(
        self,
        config: InvertingConfig,
        *,
        net: PseudoWord,
        sentences: Sentences,
        phrases: Phrases | None,
        data: PseudoWordData,
        precision: str,
        seed: int,
        world: World,
    ) -> None:
        """`precision` is that of the passes. Raises ConfigError where the data has fewer pictures than wanted."""
        if config.pictures > len(data):
            raise ConfigError(f"inverting.pictures asks for {config.pictures} of {len(data)} pictures: lower it")
        self._config = config
        self._net = net.eval()
        self._sentences = sentences
        self._phrases = phrases
        self._data = data
        self._precision = precision
        self._seed = seed
        self._world = world

    def run(self, folder: Path) -> NDArray[np.float32]:
        """The words (N, D) of the first N pictures, kept in `folder`; the ranks share the blocks."""
        starts = range(0, self._config.pictures, _BLOCK)
        paths = [folder / f"words-{start:08}.npy" for start in starts]
        own = list(zip(starts, paths, strict=True))[self._world.rank :: self._world.size]
        for start, path in tqdm(own, unit="block", disable=not self._world.is_first):
            if path.exists():
                continue
            rows = np.arange(start, min(start + _BLOCK, self._config.pictures))
            (batch,) = self._data.batches([rows], epoch=0)
            loop.reseed(f"{self._seed}/inverting", part=start)
            words, cosine = self._words(batch["target"].to(self._world.device))
            with (folder / loop.LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps({"pictures": len(rows), "first": start, "cosine": cosine}) + "\n")
            with files.replacing(path) as part:
                np.save(part, words.cpu().numpy())
        self._world.barrier()
        return np.concatenate([np.load(path) for path in paths])

    def _words(self, pictures: Tensor) -> tuple[Tensor, float]:
        """Words (B, D) of pictures, and the mean cosine of the last step's sentences to their pictures."""
        config, device = self._config, self._world.device
        seen = frozen.embedding(self._net.backbone, pictures)
        wanted = F.normalize(seen, dim=-1)  # (B, d)
        begun = torch.randn(len(seen), self._net.backbone.text_width, device=device) * _BEGINNING
        word = begun.requires_grad_(True)
        average = word.detach().clone()
        optimizer = torch.optim.AdamW([word], lr=config.learning_rate, weight_decay=config.weight_decay)
        cosine = torch.zeros(())
        for _ in range(config.steps):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                drawn = self._sentences.drawn(len(seen))
                ids, places = self._sentences.ids[drawn], self._sentences.places[drawn]
                found = self._net.compose(word, ids, places=places)
                cosine = (found * wanted).sum(dim=1)  # (B,)
                loss = (1 - cosine).sum()
                if self._phrases is not None and config.bound:
                    ids, places, said = self._phrases.drawn(seen)
                    loss = loss + config.bound * bound(self._net.compose(word, ids, places=places), said).sum()
            torch.autograd.backward(loss)
            optimizer.step()
            average = config.average * average + (1 - config.average) * word.detach()
        return average, float(cosine.detach().mean())


class Inverted:
    """Pictures with the words that were found for them."""

    def __init__(self, data: PseudoWordData, words: NDArray[np.float32]) -> None:
        """Words (N, D) of the first N of the data's pictures."""
        self._data = data
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[dict[str, Tensor]]:
        """What the data gives, and the `word` of each row (b, D)."""
        for rows, batch in zip(orders, self._data.batches(orders, epoch=epoch), strict=True):
            yield batch | {"word": torch.from_numpy(self._words[rows])}

    def validation(self, *, batch: int) -> Iterator[Tensor]:
        """Pictures that are not trained on."""
        yield from self._data.validation(batch=batch)


def bound(found: Tensor, said: Tensor) -> Tensor:
    """1 − the cosine of each phrase with a pseudo-word to what it says with a concept: unit vectors (B, d) → (B,)."""
    return 1 - (found.float() * said.float()).sum(dim=1)
