"""The nets that make pseudo-words: where a word is put, what it is made of, and that CLIP does not learn."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.lincir import LinCir, noisy
from models.nets.pic2word import Pic2Word
from models.nets.pseudo_word import PseudoWordComposeGraph, PseudoWordReferenceGraph, column
from models.nets.searle import Searle
from models.nets.two_stage import TwoStage, TwoStageShape
from tests.models import tiny
from training.engine import loop

END = 3
TOKENS = torch.tensor([[2, 9, 0, 7, END, END], [2, 5, 0, END, END, END], [2, 0, 0, 8, 4, END], [2, 6, 0, 4, END, END]])


@torch.no_grad()
def test_pic2word_is_the_two_stage_method_with_its_token_learner_alone(pixels: Tensor) -> None:
    torch.manual_seed(1)
    net = Pic2Word(tiny.backbone(end=END), dropout=0.1).eval()
    other = TwoStage(tiny.backbone(end=END), TwoStageShape(injection_layers=(), adapter_layers=())).eval()
    other.learner.load_state_dict(net.mapper.state_dict())
    (word,) = PseudoWordReferenceGraph(net)(pixels)
    wanted = other.compose(other.reference(other.backbone.image_states(pixels)), TOKENS, slot=2)
    assert torch.allclose(PseudoWordComposeGraph(net, slot=2)(word, TOKENS), wanted, atol=1e-6)


@torch.no_grad()
def test_a_word_stands_at_its_places_alone_in_each_row() -> None:
    torch.manual_seed(2)
    net = Searle(tiny.backbone(end=END), dropout=0.5).eval()
    clip, word = net.backbone.clip, torch.randn(4, net.backbone.text_width)
    places = torch.tensor([[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0]]).bool()
    found = net.compose(word, TOKENS, places=places)
    for row in range(4):
        states = torch.stack([word[row] if place else clip.token_embedding(id) for id, place in
                              zip(TOKENS[row], places[row], strict=True)])  # fmt: skip
        states = (states + clip.positional_embedding[:6])[None]
        for block in clip.transformer.resblocks:
            states = block(states, attn_mask=torch.full((6, 6), float("-inf")).triu(1))
        read = clip.ln_final(states)[0, int((TOKENS[row] == END).nonzero()[0])] @ clip.text_projection
        assert torch.allclose(found[row], read / read.norm(), atol=1e-5)
    assert torch.allclose(found[1], net.backbone.text(TOKENS[[1]])[0], atol=1e-6)  # without a place, a text like any
    assert column(2, 5, device=torch.device("cpu")).tolist() == [False, False, True, False, False]


@torch.no_grad()
def test_lincir_reads_directions_alone_and_searle_lengths_too() -> None:
    seen = torch.randn(4, 24)
    lincir, searle = (kind(tiny.backbone(end=END), dropout=0.5).eval() for kind in (LinCir, Searle))
    assert torch.allclose(lincir.word(seen), lincir.word(3 * seen), atol=1e-6)
    assert not torch.allclose(searle.word(seen), searle.word(3 * seen), atol=1e-2)
    assert [tuple(layer.weight.shape) for layer in searle.mapper.modules() if isinstance(layer, nn.Linear)] == [
        (96, 24), (96, 96), (32, 96)
    ]  # fmt: skip


def test_noise_is_as_long_as_its_scale_at_most_and_differs_from_row_to_row() -> None:
    torch.manual_seed(4)
    caption = F.normalize(torch.randn(2000, 256), dim=1)
    length = (noisy(caption, scale=0.5) - caption).norm(dim=1)
    assert 0.2 < float(length.mean()) < 0.3  # half of the scale
    assert float(length.max()) < 0.65 and float(length.min()) < 0.01
    assert torch.equal(noisy(caption, scale=0.0), caption)


def test_the_mapper_alone_learns_and_clip_stays_in_eval_mode() -> None:
    net = Searle(tiny.backbone(end=END), dropout=0.5)
    loop.enter_training(net)
    assert not any(module.training for module in net.backbone.modules()) and net.mapper.training
    (
        net.compose(net.word(torch.randn(4, 24)), TOKENS, places=column(2, 6, device=torch.device("cpu"))).sum()
    ).backward()
    silent = {name for name, parameter in net.named_parameters() if parameter.grad is None}
    assert silent == {f"backbone.{name}" for name, _ in net.backbone.named_parameters()}
