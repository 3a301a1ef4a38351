"""The two-stage net a second time: one picture and one text after the other, from the equations."""

import math

import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn

from models.nets.backbone import Backbone
from models.nets.two_stage import Adapter, Injection, TwoStage, _Round


def dense(layers: nn.Module, x: Tensor) -> Tensor:
    """2 × [Linear, ReLU] on one row, whatever stands between."""
    for layer in (module for module in layers.modules() if isinstance(module, nn.Linear)):
        x = (layer.weight @ x + layer.bias).clamp(min=0)
    return x


def norm(layer: nn.LayerNorm, x: Tensor) -> Tensor:
    centred = x - x.mean()
    return centred / ((centred**2).mean() + layer.eps).sqrt() * layer.weight + layer.bias


def attend(layer: nn.MultiheadAttention, query: Tensor, keys: Tensor, *, heads: int) -> Tensor:
    """One query (r,) over keys that are the values too (N, r)."""
    q_weight, k_weight, v_weight = layer.in_proj_weight.chunk(3)
    q_bias, k_bias, v_bias = layer.in_proj_bias.chunk(3)
    q, k, v = q_weight @ query + q_bias, keys @ k_weight.T + k_bias, keys @ v_weight.T + v_bias
    size, found = len(q) // heads, []
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        found.append(torch.softmax(k[:, own] @ q[own] / math.sqrt(size), dim=0) @ v[:, own])
    return layer.out_proj.weight @ torch.cat(found) + layer.out_proj.bias


def regions_of(injection: Injection, patches: Tensor) -> Tensor:
    """MLP_b(ReLU(BN(Conv3x3(P)))), (N, D) → (N, r), the convolution patch by patch."""
    rows, columns = injection.grid
    square, weight, bn = patches.view(rows, columns, -1), injection.conv.weight, injection.norm
    assert bn.running_mean is not None and bn.running_var is not None
    found = []
    for row in range(rows):
        for column in range(columns):
            seen = torch.zeros(weight.shape[0])
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    if 0 <= row + down < rows and 0 <= column + right < columns:
                        seen = seen + weight[:, :, down + 1, right + 1] @ square[row + down, column + right]
            seen = (seen - bn.running_mean) / (bn.running_var + bn.eps).sqrt() * bn.weight + bn.bias
            found.append(dense(injection.of_region, seen.clamp(min=0)))
    return torch.stack(found)


def injected(injection: Injection, word: Tensor, end: Tensor, patches: Tensor) -> Tensor:
    """What is added to the state at the pseudo-word (D,), as METHODS writes it."""
    regions = regions_of(injection, patches)
    query, steer = dense(injection.of_word, word), dense(injection.of_end, end)
    for layer in injection.rounds:
        assert isinstance(layer, _Round)
        a = attend(layer.attention, query + steer, regions, heads=8)
        first, second = (module for module in layer.dense.modules() if isinstance(module, nn.Linear))
        hidden = first.weight @ a + first.bias
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        query = norm(layer.norm, query + second.weight @ hidden + second.bias)
    return dense(injection.out, query)


def block(backbone: Backbone, layer: ResidualAttentionBlock, states: Tensor) -> Tensor:
    """A text block on one text (L, D), each token attending to itself and those before it alone."""
    normed = torch.stack([norm(layer.ln_1, x) for x in states])
    heads = backbone.clip.transformer.resblocks[0].attn.num_heads
    found = [attend_causally(layer.attn, normed, place, heads=heads) for place in range(len(states))]
    states = states + torch.stack(found)
    into, out = (module for module in layer.mlp.modules() if isinstance(module, nn.Linear))
    rows = []
    for x in states:
        hidden = into.weight @ norm(layer.ln_2, x) + into.bias
        rows.append(x + out.weight @ (hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))) + out.bias)
    return torch.stack(rows)


def attend_causally(layer: nn.MultiheadAttention, states: Tensor, place: int, *, heads: int) -> Tensor:
    return attend(layer, states[place], states[: place + 1], heads=heads)


def naive(net: TwoStage, states: Tensor, tokens: Tensor, *, slot: int, adapted: bool) -> Tensor:
    """One picture's states (1+N, d) and one text (L,) → L2-normalised query (d,)."""
    clip = net.backbone.clip
    end = tokens.tolist().index(net.backbone.end)
    word = states[0]
    *hidden, last = (module for module in net.learner.modules() if isinstance(module, nn.Linear))
    for linear in hidden:
        word = (linear.weight @ word + linear.bias).clamp(min=0)
    word = last.weight @ word + last.bias
    patches = states[1:] @ net.patches.weight.T + net.patches.bias
    x = torch.stack([word if place == slot else clip.token_embedding.weight[id] for place, id in enumerate(tokens)])
    x = x + clip.positional_embedding[: len(tokens)]
    for number, layer in enumerate(net.backbone.text_blocks):
        x = block(net.backbone, layer, x)
        if str(number) in net.injections:
            injection = net.injections[str(number)]
            assert isinstance(injection, Injection)
            added = injected(injection, x[slot], x[end], patches)
            x = torch.stack([state + added if place == slot else state for place, state in enumerate(x)])
        if adapted and str(number) in net.adapters:
            adapter = net.adapters[str(number)]
            assert isinstance(adapter, Adapter)
            x = x + x @ (adapter.down @ adapter.up)
    embedding = norm(clip.ln_final, x[end]) @ clip.text_projection
    return embedding / embedding.norm()
