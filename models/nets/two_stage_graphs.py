"""The two-stage method as the two graphs of its query: one runs once for an image, the other for each text."""

from torch import Tensor

from models.nets.graph import NetGraph
from models.nets.two_stage import Reference, TwoStage


class TwoStageReferenceGraph(NetGraph[TwoStage]):
    """pixels uint8 (B, 3, S, S) → word (B, D), regions (B, K, N, r), the fields of `Reference` in their order."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        reference = self.net.reference(self.net.backbone.image_states(pixels))
        return reference.word, reference.regions


class TwoStageComposeGraph(NetGraph[TwoStage]):
    """word (B, D), regions (B, K, N, r), tokens int64 (B, L), the pseudo-word's column `slot` → composed (B, d)."""

    def __init__(self, net: TwoStage, *, slot: int) -> None:
        super().__init__(net)
        self.slot = slot

    def forward(self, word: Tensor, regions: Tensor, tokens: Tensor) -> Tensor:
        return self.net.compose(Reference(word, regions), tokens, slot=self.slot)
