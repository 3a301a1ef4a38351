"""The reformulation network against a second one, written row by row from the equations, and the paper's figures."""

import math
from dataclasses import dataclass

import open_clip
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.nets.reformulation import Crossing, Reformulation
from models.nets.reformulation_graphs import ReformulationGalleryGraph, ReformulationQueryGraph
from tests.models import tiny

END = 3
NULL = torch.tensor([[2, END]])
TOKENS = torch.tensor(
    [[2, 9, 8, 7, END, END], [2, 5, END, END, END, END], [2, END, END, END, END, END], [2, 6, 4, END, END, END]]
)


@pytest.fixture(scope="module")
def net() -> Reformulation:
    torch.manual_seed(3)
    made = Reformulation(tiny.backbone(end=END), null=NULL).eval()
    with torch.no_grad():
        for parameter in (*made.crossings.parameters(), *made.predictor.parameters()):
            parameter.add_(torch.randn_like(parameter) * 0.1)  # no bias stays zero, no norm stays one
    return made


def attention(queries: Tensor, keys: Tensor, values: Tensor, *, heads: int) -> Tensor:
    """Scaled dot products, head by head: (Q, w), (L, w), (L, w) → (Q, w)."""
    parts = []
    for q, k, v in zip(queries.chunk(heads, 1), keys.chunk(heads, 1), values.chunk(heads, 1), strict=True):
        parts.append(torch.softmax(q @ k.T / math.sqrt(q.shape[1]), dim=1) @ v)
    return torch.cat(parts, dim=1)


def one_by_one(net: Reformulation, picture: Tensor, tokens: Tensor) -> Tensor:
    """z of one picture and one text without padding, from the equations of InstructCIR, Sec. 3.2."""
    clip = net.backbone.clip
    words = tokens[: int((tokens == END).nonzero()[0]) + 1]  # nothing after the first end token
    mask = torch.full((len(words), len(words)), -math.inf).triu(1)
    states = (clip.token_embedding(words) + clip.positional_embedding[: len(words)])[None]
    for block in clip.transformer.resblocks:
        states = block(states, attn_mask=mask)
    text = clip.ln_final(states)[0]  # (L, D)
    heard = F.normalize(text[-1] @ clip.text_projection, dim=0)
    visual = clip.visual
    x = visual._embeds(net.backbone.normal_pixels(picture[None]))[0]  # (1+N, w)
    for block, crossing in zip(visual.transformer.resblocks, net.crossings, strict=True):
        assert isinstance(crossing, Crossing)
        x = x + block.attn(*[block.ln_1(x)] * 3, need_weights=False)[0]
        asked = crossing.query(crossing.norm(x))
        x = x + crossing.out(attention(asked, crossing.key(text), crossing.value(text), heads=crossing.heads))
        x = x + block.mlp(block.ln_2(x))
    seen = F.normalize(visual.ln_post(x)[0] @ visual.proj, dim=0)
    return F.normalize(net.predictor(torch.cat([seen, heard])), dim=0)


@torch.no_grad()
def test_the_network_is_that_of_the_equations_and_padding_is_not_heard(net: Reformulation, pixels: Tensor) -> None:
    found = net.compose(pixels, net.words(TOKENS))
    wanted = torch.stack([one_by_one(net, *row) for row in zip(pixels, TOKENS, strict=True)])
    assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.allclose(net(pixels), torch.stack([one_by_one(net, row, NULL[0]) for row in pixels]), atol=1e-5)


@torch.no_grad()
def test_with_silent_cross_attention_the_image_tower_is_clips_own(pixels: Tensor) -> None:
    net = Reformulation(tiny.backbone(end=END), null=NULL).eval()
    words = net.words(TOKENS)
    assert not torch.allclose(net.look(pixels, net.keys(words.states), words.heard), net.backbone.image(pixels))
    for crossing in net.crossings:
        assert isinstance(crossing, Crossing)
        nn.init.zeros_(crossing.out.weight)
    assert torch.allclose(net.look(pixels, net.keys(words.states), words.heard), net.backbone.image(pixels), atol=1e-6)
    without = Reformulation(net.backbone, null=NULL, crossed=False)
    assert torch.allclose(without.look(pixels, [], words.heard), net.backbone.image(pixels), atol=1e-6)
    assert torch.allclose(words.vector, net.backbone.text(TOKENS), atol=1e-6)


@torch.no_grad()
def test_another_text_changes_the_query_and_no_target(net: Reformulation, pixels: Tensor) -> None:
    query, gallery = ReformulationQueryGraph(net), ReformulationGalleryGraph(net)
    one, text = query(pixels, TOKENS)
    other, other_text = query(pixels, TOKENS.roll(1, 0))
    assert (one - other).abs().amax(dim=1).min() > 1e-3 and (text - other_text).abs().amax(dim=1).min() > 1e-3
    assert torch.allclose(gallery(pixels), net(pixels), atol=1e-6)  # what of the empty text is constant is exact
    assert torch.allclose(one[2], net(pixels)[2], atol=1e-5)  # an empty wish: the picture as the gallery has it


def test_checkpointing_changes_no_gradient(net: Reformulation, pixels: Tensor) -> None:
    found = []
    for checkpointed in (False, True):
        net.checkpointed = checkpointed
        net.requires_grad_(True).zero_grad()
        (net.compose(pixels, net.words(TOKENS)) * torch.arange(24)).sum().backward()
        found.append({name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None})
    net.checkpointed = False
    assert found[0].keys() == found[1].keys() and len(found[0]) > 40
    assert all(torch.allclose(grad, found[1][name], atol=1e-6) for name, grad in found[0].items())


@dataclass(frozen=True, slots=True)
class Figure:
    """What the paper counts of new parameters beside the predictor."""

    model: str
    millions: float


@pytest.mark.parametrize("figure", [Figure("ViT-L-14", 88.2), Figure("ViT-B-32", 23.6)], ids=lambda f: f.model)
def test_the_cross_attentions_have_as_many_parameters_as_the_paper_counts(figure: Figure) -> None:
    with torch.device("meta"):
        clip = open_clip.create_model(figure.model, pretrained=None, device="meta")
        net = Reformulation(Backbone(clip, mean=(0, 0, 0), std=(1, 1, 1), end=END), null=NULL)
    count = sum(parameter.numel() for parameter in net.crossings.parameters())
    assert round(count / 1e6, 1) == figure.millions
