"""A benchmark's picture, as a person sees it and as the model does."""

from PIL import Image

from models import preprocess
from models.arrays import Pixels
from models.errors import ImageTooLarge, InputError, UnreadableImage
from training.evaluation.benchmarks.benchmark import BenchmarkImage, Box

DILATION = 0.7  # GeneCIS: of the box's sides


def image(picture: BenchmarkImage, *, side: int | None = None) -> Image.Image:
    """The picture in RGB, or the part of it in its box; a large whole one may come smaller where `side` is given.

    Raises InputError with the file's name where it is no picture or damaged.
    """
    try:
        data = picture.path.read_bytes()
        if picture.box is None:
            return preprocess.decode(data, side=side)
        return cropped(preprocess.decode(data), picture.box)
    except (OSError, UnreadableImage, ImageTooLarge) as error:
        raise InputError(f"the picture {picture.path} cannot be read ({error}): fetch it again") from error


def pixels(picture: BenchmarkImage, *, size: int) -> Pixels:
    """The picture as a model sees it (3, S, S); raises what `image` does."""
    return preprocess.pixels(image(picture, side=size), size=size)


def cropped(whole: Image.Image, box: Box) -> Image.Image:
    """The box as GeneCIS's authors cut it out, in the middle of a black square.

    Their code moves the left and the top by DILATION and then takes 1 + DILATION of the sides from there: away from the
    picture's edges the right and the bottom stay where they were.
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
