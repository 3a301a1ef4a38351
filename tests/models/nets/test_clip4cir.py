"""CLIP4Cir's combiner against a second one, written row by row from its description."""

import pytest
import torch
from torch import Tensor, nn

from models.nets.clip4cir import Clip4Cir, Clip4CirComposeGraph, Clip4CirReferenceGraph
from tests.models import tiny
from training.engine import loop

END = 3
TOKENS = torch.tensor([[2, 9, 8, 7, END], [2, 5, END, END, END], [2, END, END, END, END], [2, 6, 4, END, END]])


@pytest.fixture
def net() -> Clip4Cir:
    torch.manual_seed(3)
    return Clip4Cir(tiny.backbone(end=END), dropout=0.5).eval()


def dense(layer: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(layer, nn.Linear)
    return x @ layer.weight.T + layer.bias


@torch.no_grad()
def test_the_query_is_the_mixture_and_the_weighted_sum_of_both_vectors(net: Clip4Cir, pixels: Tensor) -> None:
    clip = net.backbone.clip
    (seen,) = Clip4CirReferenceGraph(net)(pixels)
    found = Clip4CirComposeGraph(net)(seen, TOKENS)
    for row in range(4):
        image = clip.visual(net.backbone.normal_pixels(pixels[[row]]))[0]
        words = TOKENS[row, : int((TOKENS[row] == END).nonzero()[0]) + 1]
        text = net.backbone.text_states(words[None])[0, -1] @ clip.text_projection
        both = torch.cat([dense(net.of_text[0], text).clamp(min=0), dense(net.of_image[0], image).clamp(min=0)])
        assert len(both) == 8 * len(text)
        share = 1 / (1 + (-dense(net.weigh[3], dense(net.weigh[0], both).clamp(min=0))).exp())
        own = dense(net.mix[3], dense(net.mix[0], both).clamp(min=0))
        wanted = own + share * text + (1 - share) * image
        assert torch.allclose(found[row], wanted / wanted.norm(), atol=1e-5)


def test_the_combiner_alone_learns_and_clip_stays_in_eval_mode(net: Clip4Cir) -> None:
    loop.enter_training(net)
    assert not any(module.training for module in net.backbone.modules()) and net.mix.training
    (net.compose(torch.randn(4, 24), TOKENS) * torch.arange(24)).sum().backward()
    silent = {name for name, parameter in net.named_parameters() if parameter.grad is None}
    assert silent == {f"backbone.{name}" for name, _ in net.backbone.named_parameters()}
