"""CLIP4Cir's combiner, a baseline: a small network over CLIP's two vectors, learnt from triplets.

Baldrati et al., "Composed Image Retrieval using Contrastive Learning and Task-oriented CLIP-based Features", ACM TOMM
2023, arXiv 2308.11485; the network is that of the authors' release. Both vectors are projected to 4d; one branch turns
them into a mixture of its own, another into the weight of λ·text + (1 − λ)·image, to which the mixture is added. The
paper first tunes CLIP's towers on the triplets too; here CLIP is never changed, so the gallery is its plain image
embedding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.nets.frozen_clip import FrozenClipHead
from models.nets.graph import NetGraph

_PROJECTED, _HIDDEN = 4, 8  # widths, in those of an embedding


class Clip4Cir(FrozenClipHead):
    """A frozen CLIP with the combiner."""

    def __init__(self, backbone: Backbone, *, dropout: float) -> None:
        super().__init__(backbone)
        width = backbone.dimension
        self.of_text = _dense(width, width * _PROJECTED, dropout)
        self.of_image = _dense(width, width * _PROJECTED, dropout)
        both = 2 * width * _PROJECTED
        self.mix = nn.Sequential(*_dense(both, width * _HIDDEN, dropout), nn.Linear(width * _HIDDEN, width))
        self.weigh = nn.Sequential(*_dense(both, width * _HIDDEN, dropout), nn.Linear(width * _HIDDEN, 1), nn.Sigmoid())

    def compose(self, image: Tensor, tokens: Tensor) -> Tensor:
        """Image embeddings at their own length (B, d), token ids (B, L) → unit query (B, d).

        Both embeddings go in at their own length, as in the authors' release.
        """
        text = self.backbone.projected(self.backbone.text_states(tokens), tokens)  # (B, d)
        both = torch.cat([self.of_text(text), self.of_image(image)], dim=-1)  # (B, 8d)
        share = self.weigh(both)  # (B, 1)
        return F.normalize(self.mix(both) + share * text + (1 - share) * image, dim=-1)


class Clip4CirReferenceGraph(NetGraph[Clip4Cir]):
    """pixels uint8 (B, 3, S, S) → a tuple of the image embedding at its own length (B, d)."""

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        return (self.net.backbone.image_states(pixels)[:, 0],)


class Clip4CirComposeGraph(NetGraph[Clip4Cir]):
    """image (B, d), tokens int64 (B, L) → composed (B, d)."""

    def forward(self, image: Tensor, tokens: Tensor) -> Tensor:
        return self.net.compose(image, tokens)


def _dense(into: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(into, out), nn.ReLU(), nn.Dropout(dropout))
