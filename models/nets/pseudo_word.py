"""An image as one pseudo-word among real words: the part that Pic2Word, SEARLE and LinCIR share.

They differ in the network that makes the word and in what it learns from. CLIP is never changed, so the gallery is its
plain image embedding.
"""

import torch
from torch import Tensor, nn

from models.nets.backbone import Backbone
from models.nets.graph import NetGraph


class PseudoWord(nn.Module):
    """A frozen CLIP and a mapping network, the only part that learns."""

    def __init__(self, backbone: Backbone, mapper: nn.Module) -> None:
        """`mapper` takes an embedding at its own length (B, d) to a word (B, D)."""
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.mapper = mapper

    def word(self, embedding: Tensor) -> Tensor:
        """An embedding of an image, or of a text, at its own length (B, d) → pseudo-word (B, D)."""
        word: Tensor = self.mapper(embedding)
        return word

    def compose(self, word: Tensor, tokens: Tensor, *, places: Tensor) -> Tensor:
        """Words (B, D) put at the `places`, bool (B, L) or (L,), among token ids (B, L) → unit vectors (B, d)."""
        embeddings = self.backbone.word_embeddings(tokens)  # (B, L, D)
        states = self.backbone.positioned(torch.where(places[..., None], word[:, None], embeddings))
        heard = self.backbone.heard(tokens)
        for block in self.backbone.text_blocks:
            states = self.backbone.run_block(block, states, heard)
        return self.backbone.pooled(states, tokens)


def column(slot: int, length: int, *, device: torch.device) -> Tensor:
    """The places of a pseudo-word that stands at column `slot` in every row, bool (L,)."""
    return torch.arange(length, device=device) == slot


class PseudoWordReferenceGraph(NetGraph[PseudoWord]):
    """pixels uint8 (B, 3, S, S) → a tuple of the pseudo-word (B, D)."""

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        return (self.net.word(self.net.backbone.image_states(pixels)[:, 0]),)


class PseudoWordComposeGraph(NetGraph[PseudoWord]):
    """word (B, D), tokens int64 (B, L), the pseudo-word's column `slot` → composed (B, d)."""

    def __init__(self, net: PseudoWord, *, slot: int) -> None:
        super().__init__(net)
        self.slot = slot

    def forward(self, word: Tensor, tokens: Tensor) -> Tensor:
        places = column(self.slot, tokens.shape[1], device=tokens.device)
        return self.net.compose(word, tokens, places=places)
