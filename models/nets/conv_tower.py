"""A small convolutional image tower in the form of open_clip's ViT: the grid of its last layer is the patches.

On drawings and photographs of one product, convolutions learn details (necklines, pockets, second colours) in a
fraction of the images that a transformer needs. A few transformer blocks follow, so that methods that work on a tower's
blocks and patches (the injection of the two-stage method, the cross-attention of InstructCIR) find them here too.
"""

import torch
from open_clip.model import CLIPVisionCfg
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16  # the pixels along a side of a patch
WIDTHS = (32, 64, 128, 256)  # channels after each halving of the resolution


class ConvTower(VisionTransformer):  # type: ignore[misc]  # mypy: open_clip has no annotations, so the base is Any
    """Convolutions in the place of the patch embedding, and the grid's mean and maximum in that of the class token.

    The output projections of the blocks begin at zero: an untrained tower is the convolutions alone.
    """

    def __init__(self, config: CLIPVisionCfg, *, dimension: int) -> None:
        """`dimension` is d, the width of an embedding."""
        width = config.width
        super().__init__(
            image_size=config.image_size,
            patch_size=STRIDE,
            width=width,
            layers=int(config.layers),
            heads=width // config.head_width,
            mlp_ratio=config.mlp_ratio,
            output_dim=dimension,
            no_ln_pre=True,
        )
        self.conv1 = Convolutions(width)
        del self.class_embedding
        self.summary = nn.Linear(2 * width, width)
        for block in self.transformer.resblocks:
            for projection in (block.attn.out_proj, block.mlp.c_proj):
                nn.init.zeros_(projection.weight)
                nn.init.zeros_(projection.bias)

    def _embeds(self, x: Tensor) -> Tensor:
        """Pixels, normalised (B, 3, S, S) → class token and patches (B, 1+N, w)."""
        patches = self.conv1(x).flatten(2).transpose(1, 2)  # (B, N, w)
        pooled = torch.cat([patches.mean(dim=1), patches.amax(dim=1)], dim=1)  # (B, 2w)
        tokens = torch.cat([self.summary(pooled)[:, None], patches], dim=1)
        embedded: Tensor = tokens + self.positional_embedding.to(tokens.dtype)
        return embedded


class Convolutions(nn.Sequential):
    """Pixels, normalised (B, 3, S, S) → (B, w, S/16, S/16), as `VisionTransformer.conv1`."""

    def __init__(self, width: int) -> None:
        stages: list[nn.Module] = []
        for number, (into, out) in enumerate(zip((3, *WIDTHS), (*WIDTHS[:-1], width), strict=False)):
            stages.append(_Convolution(into, out, stride=2))
            if number:
                stages.append(_Residual(out))
        super().__init__(*stages)
        self.out_channels = width


class _Convolution(nn.Sequential):
    def __init__(self, into: int, out: int, *, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(into, out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class _Residual(nn.Module):
    """X ← ReLU(X + BatchNorm(Conv(ReLU(BatchNorm(Conv X)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _Convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, states: Tensor) -> Tensor:
        return F.relu(states + self.second(self.first(states)))
