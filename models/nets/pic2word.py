"""Pic2Word, a baseline: a small network that learns from images alone to name each by one pseudo-word.

Saito et al., "Pic2Word: Mapping Pictures to Words for Zero-shot Composed Image Retrieval", CVPR 2023, arXiv 2302.03084.
The mapping network is that of the authors' release, a perceptron with two hidden layers of 512, which the two-stage
method took over as its token learner. It learns by the contrast of "a photo of *" with the image itself.
"""

from models.nets.backbone import Backbone
from models.nets.pseudo_word import PseudoWord
from models.nets.two_stage import TokenLearner


class Pic2Word(PseudoWord):
    """A frozen CLIP with Pic2Word's mapping network."""

    def __init__(self, backbone: Backbone, *, dropout: float) -> None:
        super().__init__(backbone, TokenLearner(backbone.dimension, backbone.text_width, dropout=dropout))
