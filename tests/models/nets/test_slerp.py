"""Slerp against the arc that it is to follow."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from models.nets.slerp import SlerpGraph, slerp
from tests.models import tiny

AXES = torch.eye(3)


@given(angle=st.floats(0.0, math.pi), share=st.floats(0.0, 1.0))
def test_the_query_is_at_its_share_of_the_angle_wherever_there_is_an_arc(angle: float, share: float) -> None:
    image, text = AXES[0], math.cos(angle) * AXES[0] + math.sin(angle) * AXES[1]
    (found,) = slerp(image[None], text[None], share=share)
    assert math.isclose(float(found.norm()), 1.0, abs_tol=1e-5)
    if angle < math.pi - 1e-2:  # the opposite has no one arc
        wanted = math.cos(share * angle) * AXES[0] + math.sin(share * angle) * AXES[1]
        assert torch.allclose(found, wanted, atol=1e-3)


def test_at_the_ends_stand_the_picture_and_the_text() -> None:
    torch.manual_seed(0)
    image, text = F.normalize(torch.randn(5, 8), dim=1), F.normalize(torch.randn(5, 8), dim=1)
    assert torch.allclose(slerp(image, text, share=0.0), image, atol=1e-6)
    assert torch.allclose(slerp(image, text, share=1.0), text, atol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 1.0 + 1e-6, -1.0])
def test_parallel_and_opposite_vectors_give_numbers_and_the_longer_side(factor: float) -> None:
    image = F.normalize(torch.ones(1, 7), dim=1)
    text = factor * image  # rounding may make a cosine of more than 1
    found = slerp(image, text, share=0.8)
    assert torch.allclose(found, math.copysign(1.0, factor) * image, atol=1e-5)


@torch.no_grad()
def test_the_graph_is_slerp_of_clips_two_vectors(pixels: torch.Tensor) -> None:
    backbone = tiny.backbone(end=3)
    tokens = torch.tensor([[2, 9, 8, 3], [2, 5, 3, 3], [2, 3, 3, 3], [2, 6, 4, 3]])
    image, text = backbone.image(pixels), backbone.text(tokens)
    composed = SlerpGraph(share=0.8)(image, text)
    for row in range(4):
        angle = math.acos(float(image[row] @ text[row]))
        wanted = (math.sin(0.2 * angle) * image[row] + math.sin(0.8 * angle) * text[row]) / math.sin(angle)
        assert torch.allclose(composed[row], wanted, atol=1e-5)
