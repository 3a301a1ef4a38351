"""The two views are torchvision's random resized crops, and depend on nothing but the draw."""

import math
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as F

from training.data import views
from training.data.views import REFERENCE_SCALE, TARGET_SCALE, box

DRAWS = 4_000


def image(width: int, height: int, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.mark.parametrize("shape", [(200, 150), (150, 200), (400, 90), (30, 400), (7, 5)])
@pytest.mark.parametrize("scale", [REFERENCE_SCALE, TARGET_SCALE])
def test_crops_are_distributed_as_torchvisions(shape: tuple[int, int], scale: tuple[float, float]) -> None:
    torch.manual_seed(0)
    random, width_height = Random(0), torch.empty(3, shape[1], shape[0])
    ours = np.array([box(shape, scale=scale, random=random) for _ in range(DRAWS)])
    theirs = np.array([RandomResizedCrop.get_params(width_height, list(scale), [3 / 4, 4 / 3]) for _ in range(DRAWS)])
    mine = np.stack([ours[:, 0], ours[:, 1], ours[:, 2] - ours[:, 0], ours[:, 3] - ours[:, 1]])  # left, top, w, h
    others = np.stack([theirs[:, 1], theirs[:, 0], theirs[:, 3], theirs[:, 2]])
    assert (ours[:, :2] >= 0).all() and (ours[:, 2] <= shape[0]).all() and (ours[:, 3] <= shape[1]).all()
    for one, other in zip(mine, others, strict=True):
        values = np.union1d(one, other)
        gap = np.abs(
            np.searchsorted(np.sort(one), values, "right") - np.searchsorted(np.sort(other), values, "right")
        ).max()
        assert gap / DRAWS < 2.0 * math.sqrt(2 / DRAWS)  # Kolmogorov and Smirnov: one in three thousand by chance


def test_a_view_is_torchvisions_resized_crop_of_the_same_box() -> None:
    picture = image(123, 77)
    reference, target = views.views(picture, size=32, random=Random(3))
    random = Random(3)
    crops = [box(picture.size, scale=REFERENCE_SCALE, random=random)]
    flipped = random.random() < 0.5
    crops.append(box(picture.size, scale=TARGET_SCALE, random=random))
    for view, (left, top, right, bottom), flip in zip((reference, target), crops, (flipped, False), strict=True):
        expected = F.resized_crop(
            picture, top, left, bottom - top, right - left, [32, 32], InterpolationMode.BICUBIC, antialias=True
        )
        expected = F.hflip(expected) if flip else expected
        np.testing.assert_array_equal(view, F.pil_to_tensor(expected).numpy())
        assert view.dtype == np.uint8 and view.shape == (3, 32, 32)


def test_half_of_the_reference_views_are_flipped_and_no_target_view_is() -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], (64, 1, 3)))
    flips = np.zeros(2)
    for seed in range(400):
        pair = views.views(ramp, size=8, random=Random(seed))
        flips += [view[0, :, 0].mean() > view[0, :, -1].mean() for view in pair]
    assert 160 < flips[0] < 240 and flips[1] == 0


def test_the_same_draw_gives_the_same_views_and_another_draw_others() -> None:
    picture = image(50, 60)
    one, again, other = (views.views(picture, size=16, random=Random(draw)) for draw in ("7/0/1", "7/0/1", "7/1/1"))
    np.testing.assert_array_equal(one, again)
    assert (one[0] != other[0]).any() and (one[1] != other[1]).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (3, 2)])
def test_the_oddest_pictures_have_views(shape: tuple[int, int]) -> None:
    for seed in range(20):
        pair = views.views(image(*shape), size=16, random=Random(seed))
        assert [view.shape for view in pair] == [(3, 16, 16)] * 2
