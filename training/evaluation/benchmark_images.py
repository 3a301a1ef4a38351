"""A benchmark's image for people, and its pixels for a model."""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from models import preprocess
from models.arrays import Pixels
from models.errors import ImageTooLarge, InputError, UnreadableImage
from models.preprocess import Resize
from training.evaluation.benchmarks.benchmark import BenchmarkImage, Box

DILATION = 0.7  # GeneCIS: share of the box's sides


def image(source: BenchmarkImage, *, side: int | None = None) -> Image.Image:
    """Return the image in RGB, or the part of it in its box; a large whole image may be smaller if `side` is given.

    Raises InputError with the file's name if it is not an image or damaged.
    """
    with _named(source):
        data = source.path.read_bytes()
        if source.box is None:
            return preprocess.decode(data, side=side)
        return cropped(preprocess.decode(data), source.box)


def pixels(source: BenchmarkImage, resize: Resize) -> Pixels:
    """Return the pixels that a model receives (3, S, S); raises the errors of `image`."""
    if source.box is not None:
        return preprocess.pixels(image(source), resize)
    with _named(source):
        return preprocess.square(source.path.read_bytes(), resize=resize, max_pixels=preprocess.MAX_IMAGE_PIXELS)


@contextmanager
def _named(source: BenchmarkImage) -> Iterator[None]:
    """Add the file's name to the errors of reading it."""
    try:
        yield
    except (OSError, UnreadableImage, ImageTooLarge) as error:
        raise InputError(f"the image {source.path} cannot be read ({error}): fetch it again") from error


def cropped(whole: Image.Image, box: Box) -> Image.Image:
    """Return the box as GeneCIS's authors cut it out, in the middle of a black square.

    Their code moves the left and the top by DILATION and then takes 1 + DILATION of the sides from there: away from the
    image's edges the right and the bottom do not move.
    """
    left, top, width, height = box
    left, top = max(0.0, left - DILATION * width), max(0.0, top - DILATION * height)
    right = min(float(whole.width), left + (1 + DILATION) * width)
    bottom = min(float(whole.height), top + (1 + DILATION) * height)
    edges = (round(left), round(top), round(right), round(bottom))
    if edges[2] <= edges[0] or edges[3] <= edges[1]:
        raise UnreadableImage(f"the box {box} lies outside of its {whole.width}×{whole.height} pixels")
    part = whole.crop(edges)
    side = max(part.size)
    square = Image.new("RGB", (side, side))
    square.paste(part, ((side - part.width) // 2, (side - part.height) // 2))
    return square
