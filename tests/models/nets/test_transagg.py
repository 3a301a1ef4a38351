"""TransAgg's head against a second one, written row by row from the paper, with nothing padded."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.transagg import TransAgg, TransAggQueryGraph
from tests.models import tiny
from training.engine import loop

END = 3
TOKENS = torch.tensor(
    [[2, 9, 8, 7, END, END], [2, 5, END, END, END, END], [2, END, END, END, END, END], [2, 6, 4, END, END, END]]
)


@pytest.fixture(scope="module")
def net() -> TransAgg:
    torch.manual_seed(3)
    made = TransAgg(tiny.backbone(end=END), dropout=0.5).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if not name.startswith("backbone."):
                parameter.add_(torch.randn_like(parameter) * 0.2)  # no bias stays zero, no norm stays one
    return made


def norm(layer: nn.LayerNorm, x: Tensor) -> Tensor:
    centred = x - x.mean(dim=1, keepdim=True)
    return centred / ((centred**2).mean(dim=1, keepdim=True) + layer.eps).sqrt() * layer.weight + layer.bias


def attention(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """Every row of x (M, d) over every row, head by head."""
    asked, keys, values = (x @ layer.in_proj_weight.T + layer.in_proj_bias).chunk(3, dim=1)
    parts = []
    for q, k, v in zip(asked.chunk(8, 1), keys.chunk(8, 1), values.chunk(8, 1), strict=True):
        parts.append(torch.softmax(q @ k.T / math.sqrt(q.shape[1]), dim=1) @ v)
    return layer.out_proj(torch.cat(parts, dim=1))


def one_by_one(net: TransAgg, picture: Tensor, tokens: Tensor) -> Tensor:
    """The query of one picture and one text without padding."""
    clip = net.backbone.clip
    words = tokens[: int((tokens == END).nonzero()[0]) + 1]  # nothing after the first end token
    mask = torch.full((len(words), len(words)), -math.inf).triu(1)
    states = (clip.token_embedding(words) + clip.positional_embedding[: len(words)])[None]
    for block in clip.transformer.resblocks:
        states = block(states, attn_mask=mask)
    text = clip.ln_final(states)[0] @ clip.text_projection  # (L, d)
    x = clip.visual._embeds(net.backbone.normal_pixels(picture[None]))
    for block in clip.visual.transformer.resblocks:
        x = block(x)
    image = clip.visual.ln_post(x)[0] @ clip.visual.proj  # (1+N, d)
    x = torch.stack([*text, net.separator, *image])
    assert len(net.fusion.layers) == 2
    for layer in net.fusion.layers:
        x = x + attention(layer.self_attn, norm(layer.norm1, x))
        x = x + layer.linear2(F.gelu(layer.linear1(norm(layer.norm2, x))))
    wide, _, _, narrow = net.fuse
    fused = narrow(wide(torch.cat([x[len(text) + 1], x[len(text) - 1]])).clamp(min=0))
    w_text, w_fused, w_image = net.weigh(fused)
    mixed = w_text * text[-1] + w_fused * fused + w_image * image[0]
    return mixed / mixed.norm()


@torch.no_grad()
def test_the_query_is_that_of_the_paper_and_padding_is_not_read(net: TransAgg, pixels: Tensor) -> None:
    wanted = torch.stack([one_by_one(net, *row) for row in zip(pixels, TOKENS, strict=True)])
    assert torch.allclose(TransAggQueryGraph(net)(pixels, TOKENS), wanted, atol=1e-5)
    assert torch.allclose(TransAggQueryGraph(net)(pixels[:2], TOKENS[:2, :5]), wanted[:2], atol=1e-5)


@torch.no_grad()
def test_what_goes_into_the_mixture_are_clips_embeddings(net: TransAgg, pixels: Tensor) -> None:
    states = net.backbone.image_states(pixels)
    before = {name: value.clone() for name, value in net.weigh.state_dict().items()}
    net.weigh.weight.zero_()
    for bias, wanted in (((2.0, 0.0, 0.0), net.backbone.text(TOKENS)), ((0.0, 0.0, 0.5), net.backbone.image(pixels))):
        net.weigh.bias.copy_(torch.tensor(bias))
        assert torch.allclose(net.compose(states, TOKENS), wanted, atol=1e-5)
    net.weigh.load_state_dict(before)


def test_the_head_alone_learns_and_clip_stays_in_eval_mode(net: TransAgg, pixels: Tensor) -> None:
    loop.enter_training(net)
    assert not any(module.training for module in net.backbone.modules())
    assert all(layer.self_attn.training for layer in net.fusion.layers)
    (net.compose(net.backbone.image_states(pixels), TOKENS) * torch.arange(24)).sum().backward()
    silent = {name for name, parameter in net.named_parameters() if parameter.grad is None}
    assert silent == {f"backbone.{name}" for name, _ in net.backbone.named_parameters()}
    net.zero_grad()
    net.eval()
