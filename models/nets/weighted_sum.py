"""The weighted sum, the first baseline: the composed query is λ·image + (1 − λ)·text.

"image + text sum" in the tables of both papers (InstructCIR, Table 1). Its bundle has no graph for the query: the
service mixes the outputs of these two by the `text_weight` that every bundle has, by default one half.
"""

from torch import Tensor

from models.nets.graph import BackboneGraph


class ImageGraph(BackboneGraph):
    """pixels uint8 (B, 3, S, S) → vector (B, d)."""

    def forward(self, pixels: Tensor) -> Tensor:
        return self.backbone.image(pixels)


class TextGraph(BackboneGraph):
    """tokens int64 (B, L) → vector (B, d)."""

    def forward(self, tokens: Tensor) -> Tensor:
        return self.backbone.text(tokens)
