"""What binds pseudo-words to real ones in SEARLE: phrases in which one stands for a concept of its picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.tokenizer import SLOT, Tokenizer
from training.methods.pseudo_words.config import PhrasesConfig

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences with a place for a pseudo-word each."""

    ids: Tensor  # (P, L)
    places: Tensor  # bool (P, L)

    @classmethod
    def of(cls, written: Sequence[str], tokenizer: Tokenizer, *, device: torch.device) -> "Sentences":
        """Sentences in which `*` stands for the pseudo-word."""
        ids, places = tokenizer.encode_parts([sentence.split(SLOT) for sentence in written])
        width = int((ids == tokenizer.end).argmax(axis=1).max()) + 1
        return cls(torch.from_numpy(ids[:, :width]).to(device), torch.from_numpy(places[:, :width]).to(device))

    def drawn(self, rows: int) -> Tensor:
        """The numbers of so many of them, by lot (B,)."""
        return torch.randint(len(self.ids), (rows,), device=self.ids.device)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases, what each says with a concept in it, and what concepts a picture shows (SEARLE, Sec. 3.1)."""

    sentences: Sentences
    said: Tensor  # (C, P, d): unit vectors of each phrase with each concept in the place
    concepts: Tensor  # (C, d): unit vectors, of the concepts in plain sentences
    nearest: int

    @classmethod
    @torch.no_grad()
    def of(
        cls, config: PhrasesConfig, backbone: Backbone, tokenizer: Tokenizer, *, plain: Sequence[str]
    ) -> "Phrases | None":
        """The config's, or None where it has none; a concept's vector is the mean of those of the `plain` sentences."""
        if not config.phrases:
            return None
        device = backbone.mean.device

        def embedded(written: Sequence[str]) -> Tensor:
            texts = [sentence.replace(SLOT, concept) for concept in config.concepts for sentence in written]
            ids = torch.from_numpy(tokenizer.encode(texts).ids).to(device)
            found = torch.cat([backbone.text(ids[row : row + _BATCH]) for row in range(0, len(ids), _BATCH)])
            return found.reshape(len(config.concepts), len(written), -1)  # (C, P, d)

        return cls(
            sentences=Sentences.of(config.phrases, tokenizer, device=device),
            said=embedded(config.phrases),
            concepts=F.normalize(embedded(plain).mean(dim=1), dim=-1),
            nearest=config.nearest,
        )

    def drawn(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For each picture (B, d) a phrase and one of its nearest concepts, by lot.

        Token ids and places (B, L), and what the phrase says with the concept (B, d).
        """
        near = (F.normalize(pictures, dim=-1) @ self.concepts.T).topk(self.nearest).indices  # (B, k)
        lots = torch.randint(self.nearest, (len(near), 1), device=near.device)
        concept, phrase = near.gather(1, lots)[:, 0], self.sentences.drawn(len(near))  # (B,)
        return self.sentences.ids[phrase], self.sentences.places[phrase], self.said[concept, phrase]
