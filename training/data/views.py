"""Two views of an image that the mapping stage trains on: random resized crops, one of them flipped half the time.

METHODS: reference view .8–1.0 of the area and a horizontal flip, target view .9–1.0.
"""

import math
from random import Random

import numpy as np
from PIL import Image

from models.arrays import Pixels

REFERENCE_SCALE = (0.8, 1.0)  # share of the image's area
TARGET_SCALE = (0.9, 1.0)

_RATIO = (3 / 4, 4 / 3)  # width to height
_TRIES = 10

Box = tuple[int, int, int, int]


def views(image: Image.Image, *, size: int, random: Random) -> tuple[Pixels, Pixels]:
    """Return the reference and the target view of an RGB image, (3, S, S) each."""
    reference = _resized(image, box(image.size, scale=REFERENCE_SCALE, random=random), size)
    if random.random() < 0.5:
        reference = reference.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    target = _resized(image, box(image.size, scale=TARGET_SCALE, random=random), size)
    return _pixels(reference), _pixels(target)


def box(shape: tuple[int, int], *, scale: tuple[float, float], random: Random) -> Box:
    """Return a crop (left, top, right, bottom) of an image of width and height `shape`, distributed as in torchvision's
    RandomResizedCrop: area uniform in `scale`, log of the aspect ratio uniform; the largest allowed central crop where
    ten tries do not fit.
    """
    width, height = shape
    for _ in range(_TRIES):
        area = width * height * random.uniform(*scale)
        ratio = math.exp(random.uniform(math.log(_RATIO[0]), math.log(_RATIO[1])))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            top, left = random.randint(0, height - high), random.randint(0, width - wide)
            return left, top, left + wide, top + high
    wide, high = width, height
    if width / height < _RATIO[0]:
        high = round(width / _RATIO[0])
    elif width / height > _RATIO[1]:
        wide = round(height * _RATIO[1])
    top, left = (height - high) // 2, (width - wide) // 2
    return left, top, left + wide, top + high


def _resized(image: Image.Image, crop: Box, size: int) -> Image.Image:
    """Cropped first, so that the filter never reads beyond the crop, as torchvision's does not."""
    return image.crop(crop).resize((size, size), Image.Resampling.BICUBIC)


def _pixels(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))  # (3, S, S)
