"""InstructCIR: the image tower reads the wanted change as it encodes an image, so that it becomes the wanted image.

Duan et al., "Scaling Prompt Instructed Zero Shot Composed Image Retrieval with Image-Only Data", arXiv 2504.00812,
2025. A cross-attention in every block of the image tower attends to the text; a predictor joins both towers. A target
goes through the same network with an empty text, so the gallery belongs to one training.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from models.nets.backbone import Backbone

COMBINED = 0.85  # λ, with which the combiner begins


class Words(NamedTuple):
    """A text, as keys for the image tower and as a vector for the predictor."""

    states: Tensor  # (B, L, D), after the final norm
    heard: Tensor  # (B, L), False after the end token
    vector: Tensor  # (B, d), L2-normalised


class Keys(NamedTuple):
    """Keys and values of a text for one cross-attention."""

    key: Tensor  # (B, heads, L, w/heads)
    value: Tensor  # (B, heads, L, w/heads)


class Reformulation(nn.Module):
    """A CLIP whose image tower reads a text, with the predictor and the weight of the combiner."""

    null: Tensor

    def __init__(self, backbone: Backbone, *, null: Tensor, crossed: bool = True, checkpointed: bool = False) -> None:
        """`null` is the empty text's token ids (1, L'), its end token last.

        Without `crossed` the image tower is CLIP's own. `checkpointed` computes each block again in the backward pass
        instead of keeping what it did: a third more time for a fraction of the memory.
        """
        super().__init__()
        self.backbone = backbone
        count = len(backbone.image_blocks) if crossed else 0
        width, text_width, heads = backbone.image_width, backbone.text_width, backbone.image_heads
        self.crossings = nn.ModuleList(Crossing(width, text_width, heads=heads) for _ in range(count))
        d = backbone.dimension
        self.predictor = nn.Sequential(nn.Linear(2 * d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.combiner = CombinerWeight()
        self.checkpointed = checkpointed
        self.register_buffer("null", null, persistent=False)

    def words(self, tokens: Tensor) -> Words:
        """Token ids (B, L), or fewer columns than the context → all that the image side needs of the texts."""
        backbone = self.backbone
        states = backbone.positioned(backbone.word_embeddings(tokens))
        heard = backbone.heard(tokens)
        for block in backbone.text_blocks:  # one by one, unlike text_states, so that each has its checkpoint
            states = self._run(partial(backbone.run_block, block, heard=heard), states)
        states = backbone.text_tower.ln_final(states)
        return Words(states, heard, backbone.read(states, tokens))

    def compose(self, pixels: Tensor, words: Words) -> Tensor:
        """z = g([E(x, T) ; e_txt]): uint8 pixels (B, 3, S, S), B texts or one for all → L2-normalised (B, d)."""
        return self.predict(self.look(pixels, self.keys(words.states), words.heard), words.vector)

    def forward(self, pixels: Tensor) -> Tensor:
        """z with the empty text, as a target or an item of the gallery: uint8 pixels (B, 3, S, S) → (B, d)."""
        return self.compose(pixels, self.words(self.null))

    def keys(self, texts: Tensor) -> list[Keys]:
        """Return the keys and values of each cross-attention from the text states (B, L, D)."""
        return [crossing.keys(texts) for crossing in self._crossings()]

    def look(self, pixels: Tensor, keys: Sequence[Keys], heard: Tensor) -> Tensor:
        """E(x, T): uint8 pixels (B, 3, S, S), each crossing's keys, which tokens are heard (B, L) → unit (B, d)."""
        rows = pixels.shape[0]
        states = self.backbone.image_tokens(pixels)  # (B, 1+N, w)
        for number, block in enumerate(self.backbone.image_blocks):
            crossing = None
            if self.crossings:
                key, value = (part.expand(rows, -1, -1, -1) for part in keys[number])
                crossing = partial(self.crossings[number], keys=Keys(key, value), heard=heard[:, None, None])
            states = self._run(partial(self._block, block, crossing), states)
        return self.backbone.image_pooled(states)

    def predict(self, picture: Tensor, text: Tensor) -> Tensor:
        """g([e_img ; e_txt]): (B, d) and (B, d), or one text for all → L2-normalised (B, d)."""
        found: Tensor = self.predictor(torch.cat([picture, text.expand(picture.shape[0], -1)], dim=-1))
        return F.normalize(found, dim=-1)

    def _block(
        self, block: ResidualAttentionBlock, crossing: Callable[[Tensor], Tensor] | None, states: Tensor
    ) -> Tensor:
        """Self-attention, cross-attention and MLP: (B, 1+N, w) → (B, 1+N, w)."""
        states = self.backbone.attended(block, states)
        if crossing is not None:
            states = states + crossing(states)
        return self.backbone.fed_forward(block, states)

    def _crossings(self) -> list["Crossing"]:
        return [module for module in self.crossings if isinstance(module, Crossing)]

    def _run(self, step: Callable[[Tensor], Tensor], states: Tensor) -> Tensor:
        if not (self.checkpointed and torch.is_grad_enabled()):
            return step(states)
        found: Tensor = checkpoint(step, states, use_reentrant=False)
        return found


class CombinerWeight(nn.Module):
    """ẑ = λ z + (1 − λ) e_txt (InstructCIR, Eq. 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(math.log(COMBINED / (1 - COMBINED))))

    @property
    def weight(self) -> Tensor:
        """λ, a scalar."""
        return self.logit.sigmoid()

    def forward(self, composed: Tensor, text: Tensor) -> Tensor:
        """Composed and text vectors (B, d), L2-normalised → their mixture, L2-normalised again (B, d)."""
        return F.normalize(self.weight * composed + (1 - self.weight) * text, dim=-1)


class Crossing(nn.Module):
    """The addend of the cross-attention: X ← X + CrossAttn(LN X, T, T), image tokens attending to text tokens."""

    def __init__(self, width: int, text_width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(text_width, width)
        self.value = nn.Linear(text_width, width)
        self.out = nn.Linear(width, width)
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def keys(self, texts: Tensor) -> Keys:
        """Text states (B, L, D) → keys and values for the image tokens of any image."""
        return Keys(self._split(self.key(texts)), self._split(self.value(texts)))

    def forward(self, states: Tensor, *, keys: Keys, heard: Tensor) -> Tensor:
        """Image states (B, 1+N, w), keys, which of the tokens are heard (B, 1, 1, L) → addend (B, 1+N, w)."""
        asked = self._split(self.query(self.norm(states)))
        found = F.scaled_dot_product_attention(asked, keys.key, keys.value, attn_mask=heard)
        addend: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return addend

    def _split(self, states: Tensor) -> Tensor:
        """(B, L, w) → (B, heads, L, w/heads)."""
        rows, length, width = states.shape
        return states.view(rows, length, self.heads, width // self.heads).transpose(1, 2)
