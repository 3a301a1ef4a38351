"""LinCIR, a baseline: the network that makes pseudo-words of images learns from texts alone.

Gu et al., "Language-only Efficient Training of Zero-shot Composed Image Retrieval", CVPR 2024, arXiv 2312.01998. By
self-masking projection: the vector of a caption becomes a pseudo-word, which takes the place of all keywords of that
caption, and the result shall mean what the caption meant. Noise on the vector carries over from texts to images,
whose vectors lie elsewhere on CLIP's sphere. The network is SEARLE's φ.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.nets.pseudo_word import PseudoWord
from models.nets.searle import phi


class LinCir(PseudoWord):
    """A frozen CLIP with φ, which reads directions alone: texts and images have vectors of different lengths."""

    def __init__(self, backbone: Backbone, *, dropout: float) -> None:
        super().__init__(backbone, phi(backbone.dimension, backbone.text_width, dropout=dropout))

    def word(self, embedding: Tensor) -> Tensor:
        """Return the pseudo-word, as every `PseudoWord` does; the length of the embedding is not read."""
        return super().word(F.normalize(embedding, dim=-1))


def noisy(embedding: Tensor, *, scale: float) -> Tensor:
    """Unit vectors (B, d) with noise u·n, u uniform in 0…`scale` for each row and n of length about 1.

    The paper's normal noise has a variance of 1 in each component, on vectors whose components have about that too; in
    units of the vectors' own length it is right for any CLIP.
    """
    size = scale * torch.rand_like(embedding[:, :1])  # (B, 1)
    noise = torch.randn_like(embedding) / math.sqrt(embedding.shape[1])
    return embedding + size * noise
