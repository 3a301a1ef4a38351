"""TransAgg's head, a baseline: two transformer layers over both towers' tokens, and a mixture that they weigh.

Liu et al., "Zero-shot Composed Text-Image Retrieval", BMVC 2023, arXiv 2306.07272. The tokens are those of a CLIP's
towers after their last norm, set into the shared space by CLIP's own projections, as in the authors' release. The three
weights are read from the fused vector, so they depend on the query; they are of any sign and need not sum to one. Here
CLIP is never changed, while the paper tunes its text tower, so the gallery is its plain image embedding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.nets.frozen_clip import FrozenClipHead
from models.nets.graph import NetGraph

HEADS = 8
LAYERS = 2
_WIDER = 4  # the fusing MLP's hidden layer, in widths of its input


class TransAgg(FrozenClipHead):
    """A frozen CLIP with the fusing transformer and the aggregation of text, fused and image vector."""

    def __init__(self, backbone: Backbone, *, dropout: float) -> None:
        super().__init__(backbone)
        width = backbone.dimension
        layer = nn.TransformerEncoderLayer(
            width, HEADS, dropout=dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.fusion = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.separator = nn.Parameter(torch.randn(width))
        self.fuse = nn.Sequential(
            nn.Linear(2 * width, 2 * width * _WIDER),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width * _WIDER, width),
        )
        self.weigh = nn.Linear(width, 3)

    def compose(self, image: Tensor, tokens: Tensor) -> Tensor:
        """Image states (B, 1+N, d), as `Backbone.image_states` returns them, and token ids (B, L) → unit query (B, d).

        The embeddings go into the mixture at their own length, as in the authors' release.
        """
        words = self.backbone.project(self.backbone.text_states(tokens))  # (B, L, d)
        rows = torch.arange(tokens.shape[0], device=tokens.device)
        ends = self.backbone.ends(tokens)  # (B,)
        between = self.separator.expand(image.shape[0], 1, -1)
        padding = ~self.backbone.heard(tokens)  # (B, L)
        silent = F.pad(padding, (0, 1 + image.shape[1]), value=False)  # (B, L+1+1+N)
        states = self.fusion(torch.cat([words, between, image], dim=1), src_key_padding_mask=silent)
        read = torch.cat([states[:, tokens.shape[1] + 1], states[rows, ends]], dim=-1)  # (B, 2d): class and end token
        fused = self.fuse(read)  # (B, d)
        text, mixture, plain = self.weigh(fused).split(1, dim=-1)  # (B, 1) each
        return F.normalize(text * words[rows, ends] + mixture * fused + plain * image[:, 0], dim=-1)


class TransAggQueryGraph(NetGraph[TransAgg]):
    """pixels uint8 (B, 3, S, S), tokens int64 (B, L) → composed (B, d)."""

    def forward(self, pixels: Tensor, tokens: Tensor) -> Tensor:
        return self.net.compose(self.net.backbone.image_states(pixels), tokens)
