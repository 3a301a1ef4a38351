"""Phrases that bind pseudo-words to real words in SEARLE: in each the pseudo-word replaces a concept of its image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.tokenizer import SLOT, Tokenizer
from training.engine.settings import Section

_BATCH = 256

Sentence = Annotated[str, Field(pattern=r"^[^*]*\*[^*]*$")]  # has one place for a pseudo-word


class PhrasesConfig(Section):
    """Phrases that bind a pseudo-word to real words: in each it replaces a concept of its image.

    The paper has 20 000 concepts, and phrases by a language model. Without phrases nothing binds the pseudo-words.
    """

    concepts: tuple[str, ...] = Field(default=(), strict=False)
    phrases: tuple[Sentence, ...] = Field(default=(), strict=False)
    nearest: int = Field(default=15, ge=1)  # concepts of an image

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.concepts) != bool(self.phrases) or (self.concepts and self.nearest > len(self.concepts)):
            raise ValueError("concepts and phrases go together, and nearest counts some of the concepts")
        return self


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences with one place for a pseudo-word each."""

    ids: Tensor  # (P, L)
    places: Tensor  # bool (P, L)

    @classmethod
    def encoded(cls, written: Sequence[str], tokenizer: Tokenizer, *, device: torch.device) -> "Sentences":
        """Encode sentences in which `*` stands for the pseudo-word."""
        ids, places = tokenizer.encode_parts([sentence.split(SLOT) for sentence in written])
        width = int((ids == tokenizer.end).argmax(axis=1).max()) + 1
        return cls(torch.from_numpy(ids[:, :width]).to(device), torch.from_numpy(places[:, :width]).to(device))

    def drawn(self, rows: int) -> Tensor:
        """Return the numbers of `rows` sentences, drawn at random (B,)."""
        return torch.randint(len(self.ids), (rows,), device=self.ids.device)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases, their embeddings with each concept, and the concepts that images are compared to (SEARLE, Sec. 3.1)."""

    sentences: Sentences
    with_concepts: Tensor  # (C, P, d): unit vectors of each phrase with each concept in its place
    concepts: Tensor  # (C, d): unit vectors, of the concepts in plain sentences
    nearest: int

    @classmethod
    @torch.no_grad()
    def from_config(
        cls, config: PhrasesConfig, backbone: Backbone, tokenizer: Tokenizer, *, plain: Sequence[str]
    ) -> "Phrases | None":
        """Return the config's phrases, if it has any; the vector of a concept is its mean over `plain` sentences."""
        if not config.phrases:
            return None
        device = backbone.mean.device

        def embedded(written: Sequence[str]) -> Tensor:
            texts = [sentence.replace(SLOT, concept) for concept in config.concepts for sentence in written]
            ids = torch.from_numpy(tokenizer.encode(texts).ids).to(device)
            vectors = torch.cat([backbone.text(ids[row : row + _BATCH]) for row in range(0, len(ids), _BATCH)])
            return vectors.reshape(len(config.concepts), len(written), -1)  # (C, P, d)

        return cls(
            sentences=Sentences.encoded(config.phrases, tokenizer, device=device),
            with_concepts=embedded(config.phrases),
            concepts=F.normalize(embedded(plain).mean(dim=1), dim=-1),
            nearest=config.nearest,
        )

    def drawn(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a phrase and one of the nearest concepts for each image embedding (B, d).

        Returns token ids and pseudo-word places (B, L), and the embedding of the phrase with the concept (B, d).
        """
        near = (F.normalize(images, dim=-1) @ self.concepts.T).topk(self.nearest).indices  # (B, k)
        choice = torch.randint(self.nearest, (len(near), 1), device=near.device)
        concept, phrase = near.gather(1, choice)[:, 0], self.sentences.drawn(len(near))  # (B,)
        return self.sentences.ids[phrase], self.sentences.places[phrase], self.with_concepts[concept, phrase]
