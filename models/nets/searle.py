"""SEARLE, a baseline: words found for single images by gradient descent, and a network φ that learns to find them.

Baldrati et al., "Zero-Shot Composed Image Retrieval with Textual Inversion", ICCV 2023, arXiv 2303.15247. First,
textual inversion: for each of some images a word is optimised until sentences with it match the image, and
phrases with it match the same phrases with a concept of the image. Then φ is distilled from these words, so that at a
search one pass takes the place of hundreds of steps.
"""

from torch import nn

from models.nets.backbone import Backbone
from models.nets.pseudo_word import PseudoWord

_WIDER = 4  # φ's hidden layers, in widths of an embedding


class Searle(PseudoWord):
    """A frozen CLIP with φ."""

    def __init__(self, backbone: Backbone, *, dropout: float) -> None:
        super().__init__(backbone, phi(backbone.dimension, backbone.text_width, dropout=dropout))


def phi(dimension: int, width: int, *, dropout: float) -> nn.Sequential:
    """Textual inversion in one pass: an embedding at its own length (B, d) → word (B, D)."""
    hidden = dimension * _WIDER
    return nn.Sequential(
        nn.Linear(dimension, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, width),
    )
