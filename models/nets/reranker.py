"""A re-ranker: orders the first candidates of a ranking by reference, text and candidate together.

Liu et al., "Candidate Set Re-ranking for Composed Image Retrieval with Dual Multi-modal Encoder", TMLR 2024, arXiv
2305.16304, scaled down. The paper's second stage reads each candidate's image anew; here a candidate is only the
vector that the gallery has of it, so that no image is opened during a request. It attends to the words, the reference
and the query by cross-attention, while the paper's words attend to the candidate. The first ranking's own score is
added, and the rest begins at zero: an untrained re-ranker changes nothing. No candidate sees another, so a score
depends neither on how many there are nor on their order.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.backbone import Backbone

HEADS = 8
STEP = 0.05  # of the head's output on the scale of the cosine that it is added to
_WIDER = 4  # the hidden layer of an MLP, in widths


@dataclass(frozen=True, slots=True)
class RerankerShape:
    """The sizes of the re-ranker."""

    width: int = 256  # w
    layers: int = 2  # each once over the query, and once from the candidates to it
    dropout: float = 0.1


class Reranker(nn.Module):
    """A frozen text tower and the layers that learn."""

    def __init__(self, backbone: Backbone, shape: RerankerShape) -> None:
        super().__init__()
        dimension, width = backbone.dimension, shape.width
        self.backbone = backbone.requires_grad_(False)
        self.words = nn.Linear(backbone.text_width, width)
        self.pair = nn.ModuleList(nn.Linear(dimension, width) for _ in range(2))  # reference, query
        self.seen = nn.Linear(3 * dimension, width)
        layer = nn.TransformerEncoderLayer(
            width, HEADS, width * _WIDER, dropout=shape.dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.asked = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)
        self.layers = nn.ModuleList(_Layer(width, dropout=shape.dropout) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, reference: Tensor, tokens: Tensor, composed: Tensor, candidates: Tensor) -> Tensor:
        """Scores (B, K) of candidates (B, K, d) for queries: the higher, the better, on the scale of a cosine.

        The reference's and the query's vector (B, d), and the query's token ids (B, L); all vectors of length one.
        """
        scale = candidates.shape[-1] ** 0.5  # of vectors of length one, so that their components are about one
        words = self.words(self.backbone.text_states(tokens))  # (B, L, w)
        pair = [layer(vector * scale)[:, None] for layer, vector in zip(self.pair, (reference, composed), strict=True)]
        padding = ~self.backbone.heard(tokens)  # (B, L)
        silent = F.pad(padding, (0, 2), value=False)  # (B, L+2)
        asked = self.asked(torch.cat([words, *pair], dim=1), src_key_padding_mask=silent)  # (B, L+2, w)
        products = [candidates * vector[:, None] * scale for vector in (reference, composed)]
        states = self.seen(torch.cat([candidates, *products], dim=-1) * scale)  # (B, K, w)
        for layer in self.layers:
            states = layer(states, asked, silent)
        cosines = (candidates @ composed[..., None])[..., 0]  # (B, K)
        scores: Tensor = cosines + STEP * self.head(self.norm(states))[..., 0]
        return scores


class _Layer(nn.Module):
    """Cross-attention from the candidates to the query, then an MLP; each after a norm and added."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, HEADS, dropout=dropout, batch_first=True)
        self.dense = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width * _WIDER),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width * _WIDER, width),
            nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, asked: Tensor, silent: Tensor) -> Tensor:
        found, _ = self.attention(self.norm(states), asked, asked, key_padding_mask=silent, need_weights=False)
        states = states + found
        after: Tensor = states + self.dense(states)
        return after
