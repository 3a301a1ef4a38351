"""The two-stage method: an image becomes one rich pseudo-word, and the text tower composes it with the wanted change.

Wang et al., "From Mapping to Composing: A Two-Stage Framework for Zero-shot Composed Image Retrieval", arXiv
2504.17990, 2025. The first stage trains the token learner, the patch map and the visual semantic injection; the second
freezes them and trains the composing adapters. CLIP itself is never changed, so the gallery is its plain image
embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.backbone import Backbone

HEADS = 8
_HIDDEN = 512  # of the token learner
_ROUNDS = 2  # cross-attention layers of one injection


@dataclass(frozen=True, slots=True)
class TwoStageShape:
    """The sizes of the added modules. Layers are counted from 0 in the text tower's own blocks."""

    injection_layers: tuple[int, ...]
    adapter_layers: tuple[int, ...]
    bottleneck: int = 128  # r, of an injection
    rank: int = 128  # of an adapter
    dropout: float = 0.1


class Reference(NamedTuple):
    """All that a composed query needs of its image; it does not depend on the text, so it can be cached."""

    word: Tensor  # (B, D): the pseudo-word
    regions: Tensor  # (B, K, N, r): keys and values of each injection's attention, in the order of their layers


class TwoStage(nn.Module):
    """A frozen CLIP with the modules of both stages; a stage says by `requires_grad_` which of them learn."""

    def __init__(self, backbone: Backbone, shape: TwoStageShape) -> None:
        super().__init__()
        width, dimension = backbone.text_width, backbone.dimension
        self.backbone = backbone.requires_grad_(False)
        self.learner = TokenLearner(dimension, width, dropout=shape.dropout)
        self.patches = nn.Linear(dimension, width)  # the patch map, shared by all injections
        self.injections = nn.ModuleDict(
            {
                str(layer): Injection(width, backbone.grid, bottleneck=shape.bottleneck, dropout=shape.dropout)
                for layer in shape.injection_layers
            }
        )
        self.adapters = nn.ModuleDict({str(layer): Adapter(width, shape.rank) for layer in shape.adapter_layers})

    def reference(self, states: Tensor) -> Reference:
        """Image states (B, 1+N, d), as `Backbone.image_states` returns them → features of the images."""
        patches = self.patches(states[:, 1:])  # (B, N, D)
        regions = [injection.regions(patches) for injection in self._injections()]  # K × (B, N, r)
        none = patches[:, None][:, :0]  # (B, 0, N, D): slicing keeps B free in an export
        return Reference(self.learner(states[:, 0]), torch.stack(regions, dim=1) if regions else none)

    def compose(self, reference: Reference, tokens: Tensor, *, slot: int, adapted: bool = True) -> Tensor:
        """Image features and token ids (B, L), the pseudo-word's place at column `slot` → L2-normalised query (B, d).

        Without `adapted` the composing adapters are left out: the pseudo-sentence of the first stage.
        """
        words = self.backbone.word_embeddings(tokens)  # (B, L, D)
        words = torch.cat([words[:, :slot], reference.word[:, None], words[:, slot + 1 :]], dim=1)
        states = self.backbone.positioned(words)  # (B, L, D)
        ends, heard = self.backbone.ends(tokens), self.backbone.heard(tokens)  # (B,) and (B, L)
        rows = torch.arange(tokens.shape[0], device=tokens.device)
        place = {name: number for number, name in enumerate(self.injections)}
        for layer, block in enumerate(self.backbone.text_blocks):
            states = self.backbone.run_block(block, states, heard)
            name = str(layer)
            if name in place:
                injection = self.injections[name]
                seen = injection(states[:, slot], states[rows, ends], reference.regions[:, place[name]])  # (B, D)
                states = states + F.pad(seen[:, None], (0, 0, slot, states.shape[1] - slot - 1))  # at `slot` only
            if adapted and name in self.adapters:
                states = self.adapters[name](states)
        return self.backbone.pooled(states, tokens)

    def drop_dead(self) -> None:
        """Remove an injection after the last block: if a text is read at its end, it is never read."""
        last = str(len(self.backbone.text_blocks) - 1)
        if last in self.injections and self.backbone.reads_end:
            del self.injections[last]

    def fold(self) -> None:
        """Turn each adapter into one matrix, for the export."""
        for name, adapter in self.adapters.items():
            if isinstance(adapter, Adapter):
                self.adapters[name] = Folded(adapter)

    def _injections(self) -> Sequence["Injection"]:
        return [module for module in self.injections.values() if isinstance(module, Injection)]


class TokenLearner(nn.Module):
    """The class token (B, d), projected and not normalised → one pseudo-word (B, D)."""

    def __init__(self, dimension: int, width: int, *, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _dense(dimension, _HIDDEN, dropout), _dense(_HIDDEN, _HIDDEN, dropout), nn.Linear(_HIDDEN, width)
        )

    def forward(self, pooled: Tensor) -> Tensor:
        word: Tensor = self.layers(pooled)
        return word


class Injection(nn.Module):
    """Visual semantic injection after one text block: it adds image features to the pseudo-word, steered by the text.

    The end token has read the words by causal attention, so it says what part of the image to attend to.
    """

    def __init__(self, width: int, grid: tuple[int, int], *, bottleneck: int, dropout: float) -> None:
        super().__init__()
        self.grid = grid
        self.conv = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.of_word = _mlp(width, bottleneck, dropout)
        self.of_region = _mlp(width, bottleneck, dropout)
        self.of_end = _mlp(width, bottleneck, dropout)
        self.rounds = nn.ModuleList(_Round(bottleneck, dropout) for _ in range(_ROUNDS))
        self.out = _mlp(bottleneck, width, dropout)

    def regions(self, patches: Tensor) -> Tensor:
        """The patch map without its class token (B, N, D) → keys and values (B, N, r), independent of the text."""
        square = patches.transpose(1, 2).reshape(patches.shape[0], patches.shape[2], *self.grid)  # (B, D, g, g)
        seen = F.relu(self.norm(self.conv(square))).flatten(2).transpose(1, 2)  # (B, N, D)
        regions: Tensor = self.of_region(seen)
        return regions

    def forward(self, word: Tensor, end: Tensor, regions: Tensor) -> Tensor:
        """The states at the pseudo-word and at the end token (B, D), the regions (B, N, r) → addend (B, D), ≥ 0."""
        query, steer = self.of_word(word), self.of_end(end)  # (B, r)
        for layer in self.rounds:
            query = layer(query, steer, regions)
        added: Tensor = self.out(query)
        return added


class _Round(nn.Module):
    """q ← LayerNorm(q + Dropout(W₂ Dropout(GELU(W₁ a)))), a = attention of q + e over the regions."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, HEADS, dropout=dropout, batch_first=True)
        self.dense = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.Dropout(dropout)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, query: Tensor, steer: Tensor, regions: Tensor) -> Tensor:
        asked = (query + steer)[:, None]  # (B, 1, r)
        found, _ = self.attention(asked, regions, regions, need_weights=False)
        answer: Tensor = self.norm(query + self.dense(found[:, 0]))
        return answer


class Adapter(nn.Module):
    """A composing adapter: X ← X + X A B on all tokens, with A (D, rank) and B (rank, D)."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(width, rank) * 0.01)
        self.up = nn.Parameter(torch.randn(rank, width) * 0.01)

    def forward(self, states: Tensor) -> Tensor:
        return states + states @ self.down @ self.up


class Folded(nn.Module):
    """An adapter as the one matrix 1 + A B, (D, D)."""

    matrix: Tensor

    def __init__(self, adapter: Adapter) -> None:
        super().__init__()
        whole = torch.eye(len(adapter.down)) + (adapter.down @ adapter.up).detach()
        self.register_buffer("matrix", whole)

    def forward(self, states: Tensor) -> Tensor:
        return states @ self.matrix


def scaled(layers: Sequence[int], depth: int) -> tuple[int, ...]:
    """Layers, counted from 0 in a tower of 12 blocks, at the same share of a tower of `depth` blocks.

    (3, 7, 9, 11) of 12 blocks are (10, 20, 26, 31) of 32; if several fall together, one stays.
    """
    places = (max(0, round((layer + 1) * depth / 12) - 1) for layer in layers)
    return tuple(sorted(set(places)))


def _dense(into: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(into, out), nn.Dropout(dropout), nn.ReLU())


def _mlp(into: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(_dense(into, out, dropout), _dense(out, out, dropout))
