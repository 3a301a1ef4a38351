"""The reformulation network as the graphs of its bundle: a gallery with the empty text, and the composed query."""

import torch
from torch import Tensor, nn

from models.nets.graph import NetGraph
from models.nets.reformulation import Keys, Reformulation


class ReformulationGalleryGraph(nn.Module):
    """pixels uint8 (B, 3, S, S) → vector (B, d); all that depends on the empty text is computed once, here.

    That is exact: the text side does not depend on the image.
    """

    nothing: Tensor
    keys: Tensor
    values: Tensor
    heard: Tensor

    @torch.no_grad()
    def __init__(self, net: Reformulation) -> None:
        super().__init__()
        self.net = net
        words = net.words(net.null)
        found = net.keys(words.states)
        self.register_buffer("nothing", words.vector)  # (1, d)
        self.register_buffer("keys", torch.stack([part.key for part in found]) if found else torch.empty(0))
        self.register_buffer("values", torch.stack([part.value for part in found]) if found else torch.empty(0))
        self.register_buffer("heard", words.heard)

    def forward(self, pixels: Tensor) -> Tensor:
        keys = [Keys(key, value) for key, value in zip(self.keys, self.values, strict=True)]
        return self.net.predict(self.net.look(pixels, keys, self.heard), self.nothing)


class ReformulationQueryGraph(NetGraph[Reformulation]):
    """pixels uint8 (B, 3, S, S), tokens int64 (B, L) → composed (B, d), text (B, d), which the combiner weighs."""

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        words = self.net.words(tokens)
        return self.net.compose(pixels, words), words.vector
