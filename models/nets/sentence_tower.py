"""A sentence encoder as a CLIP's text tower: BERT's blocks, which read every word with those before and after it.

Devlin et al., "BERT", 2019; MiniLM (Wang et al., 2020) has the same form. Its weights know words that no caption of
ours has: they come from an installed package, see training/sentence_encoder.py. An embedding is the mean over a text's
tokens, projected.
"""

import torch
from open_clip.model import CLIP
from torch import Tensor, nn
from torch.nn import functional as F

_WIDER = 4  # the MLP's width, in widths of the tower
_EPSILON = 1e-12  # of BERT's norms
_LEVELS = 127  # of an 8-bit number, on either side of zero


class SentenceBlock(nn.Module):
    """X ← LN(X + Attention(X)), then X ← LN(X + MLP(X)): the norms come after, unlike in CLIP."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_in = nn.Linear(width, 3 * width)  # queries, keys and values
        self.attention_out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp_in = nn.Linear(width, _WIDER * width)
        self.mlp_out = nn.Linear(_WIDER * width, width)
        self.mlp_norm = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, states: Tensor, heard: Tensor) -> Tensor:
        """States (B, L, D), which tokens are heard (B, L) → states (B, L, D)."""
        rows, length, width = states.shape
        parts = self.attention_in(states).view(rows, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, L, D/heads) each
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=heard[:, None, None])
        states = self.attention_norm(states + self.attention_out(found.transpose(1, 2).flatten(2)))
        after: Tensor = self.mlp_norm(states + self.mlp_out(F.gelu(self.mlp_in(states))))
        return after


class SentenceBlocks(nn.Module):
    """The blocks, by the names that open_clip's `Transformer` gives them."""

    def __init__(self, width: int, *, layers: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.resblocks = nn.ModuleList(SentenceBlock(width, heads=heads) for _ in range(layers))


class WordTable(nn.Module):
    """The embeddings of a large vocabulary, kept as they were learnt, in 8 bits and a scale a word: no parameters."""

    codes: Tensor
    scales: Tensor

    def __init__(self, words: Tensor) -> None:
        """`words` are the embeddings (V, D)."""
        super().__init__()
        scales = words.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / _LEVELS
        self.register_buffer("codes", (words / scales).round().to(torch.int8))  # (V, D)
        self.register_buffer("scales", scales)  # (V, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L) → embeddings (B, L, D)."""
        return self.codes[tokens].to(self.scales.dtype) * self.scales[tokens]


def replace_text_tower(clip: CLIP, *, layers: int, heads: int) -> None:
    """Give a CLIP a sentence encoder of its text tower's width, with random weights, in the place of that tower."""
    width = int(clip.transformer.width)
    clip.token_embedding = WordTable(clip.token_embedding.weight.detach())
    clip.transformer = SentenceBlocks(width, layers=layers, heads=heads)
    clip.ln_words = nn.LayerNorm(width, eps=_EPSILON)  # after the positions
    clip.ln_final = nn.Identity()  # the last block ends with its norm
    nn.init.normal_(clip.text_projection, std=width**-0.5)


def mean_over_text(states: Tensor, heard: Tensor) -> Tensor:
    """Return the mean of the heard tokens: states (B, L, D), heard (B, L) → (B, D)."""
    weights = heard.to(states.dtype)[..., None]  # (B, L, 1)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)
