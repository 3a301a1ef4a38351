"""The convolutional tower: a CLIP's image tower in every respect that the methods rely on."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.nets.conv_tower import ConvTower
from models.nets.norms import fold_norms


@pytest.fixture(scope="module")
def conv() -> Backbone:
    torch.manual_seed(3)
    net = Backbone.create("conv-minilm", pretrained="", end=102).eval()
    for block in net.image_blocks:  # which add nothing at the start
        torch.nn.init.normal_(block.attn.out_proj.weight, std=0.1)
        torch.nn.init.normal_(block.mlp.c_proj.weight, std=0.1)
    return net


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_class_token_is_the_embedding_and_the_grid_the_patches(conv: Backbone, pixels: Tensor) -> None:
    states = conv.image_states(pixels)
    assert states.shape == (3, 1 + conv.grid[0] * conv.grid[1], conv.dimension) and conv.grid == (6, 6)
    torch.testing.assert_close(F.normalize(states[:, 0], dim=-1), conv.image(pixels))


@torch.no_grad()
def test_block_by_block_gives_the_embedding(conv: Backbone, pixels: Tensor) -> None:
    states = conv.image_tokens(pixels)
    assert states.shape[2] == conv.image_width
    for block in conv.image_blocks:
        states = conv.fed_forward(block, conv.attended(block, states))
    torch.testing.assert_close(conv.image_pooled(states), conv.image(pixels))


@torch.no_grad()
def test_untrained_blocks_add_nothing(pixels: Tensor) -> None:
    net = Backbone.create("conv-minilm", pretrained="", end=102).eval()
    assert isinstance(net.clip.visual, ConvTower)
    states = net.image_tokens(pixels)
    for block in net.image_blocks:
        torch.testing.assert_close(net.fed_forward(block, net.attended(block, states)), states)


@torch.no_grad()
def test_an_image_s_embedding_does_not_depend_on_the_others(conv: Backbone, pixels: Tensor) -> None:
    torch.testing.assert_close(conv.image(pixels[:1]), conv.image(pixels)[:1])


@torch.no_grad()
def test_folding_the_norms_changes_no_embedding(pixels: Tensor) -> None:
    net = Backbone.create("conv-minilm", pretrained="", end=102)
    net.train().image(pixels)  # so that the statistics are others than at the start
    before = net.eval().image(pixels)
    fold_norms(net)
    torch.testing.assert_close(net.image(pixels), before)
    variance = net.state_dict()["clip.visual.conv1.0.1.running_var"]
    assert torch.equal((variance + 1e-5).rsqrt(), torch.ones(32))  # an export folds no more into the convolutions
