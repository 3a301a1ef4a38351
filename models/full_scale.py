"""White of an image whose values have more than 8 bits: which value it is, since few files tell."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

Box = tuple[int, int, int, int]  # left, top, right, bottom
OVERSHOOT = 10.0  # of numbers that mean 0…1: lights above white, as in HDR; an image of 0…255 is never that dark
BITS_PER_SAMPLE, SAMPLE_FORMAT, UNSIGNED = 258, 339, 1  # tags of TIFF


def highest(image: Image.Image, box: Box) -> float:
    """Return the highest finite value in the box, 0 if all are below."""
    numbers = _numbers(image, box)
    return float(np.max(numbers, where=np.isfinite(numbers), initial=0.0))


def white(image: Image.Image, highest: float) -> float:
    """Return the value of white; `highest` is the highest in the image."""
    if image.mode.startswith("I;16"):
        return float(2 ** min(16, _tag(image, BITS_PER_SAMPLE, 16)) - 1)
    if image.format == "PPM" and image.mode == "I":  # Pillow scales them to 16 bits
        return 65535.0
    if image.mode == "F" and highest <= OVERSHOOT:
        return 1.0
    if highest <= 65535.0:
        return 255.0 if highest <= 255.0 else 65535.0
    if image.mode == "F":
        return highest
    return 2.0**32 - 1 if _tag(image, SAMPLE_FORMAT, 0) == UNSIGNED else 2.0**31 - 1


def values(image: Image.Image, box: Box, *, top: float) -> npt.NDArray[np.float32]:
    """Return the values (h, w) in the box, within 0…`top`; transparent ones are `top`, and what is no number is 0."""
    numbers = _numbers(image, box)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        numbers[numbers == transparent] = top
    return np.nan_to_num(numbers, posinf=top).clip(0, top)


def _numbers(image: Image.Image, box: Box) -> npt.NDArray[np.float32]:
    numbers = np.asarray(image.crop(box))
    if image.mode == "I" and _tag(image, SAMPLE_FORMAT, 0) == UNSIGNED:
        numbers = numbers.view(np.uint32)  # Pillow has signed numbers only
    return numbers.astype(np.float32)


def _tag(image: Image.Image, number: int, default: int) -> int:
    """Return the first value of a tag of a TIFF."""
    tags = getattr(image, "tag_v2", None)
    value = tags.get(number, default) if isinstance(tags, Mapping) else default
    return int(value[0] if isinstance(value, tuple) else value)
