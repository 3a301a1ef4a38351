"""Image bytes to pixels: the one preprocessing, used by serving, indexing, training and evaluation alike.

It gives the pixels that open_clip's own evaluation transform gives (bicubic resize of the shorter side,
centre crop), without ever making the whole resized picture: a 1×4000 strip costs no more than a square.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from models.arrays import Pixels
from models.errors import ImageTooLarge, NotAnImage, UnreadableImage

DRAFTED = 4  # with which embeddings keep a cosine of .99999 to those of the whole; fewer pixels save little more
MAX_IMAGE_PIXELS = 50_000_000
STRIP = (4096, 256)  # at most, columns and rows, where a step works in other pixels than the picture's
Box = tuple[int, int, int, int]  # left, top, right, bottom
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # what a photograph comes in; Pillow knows many more
PngImagePlugin.MAX_TEXT_MEMORY = (
    4 * 2**20
)  # of texts that are never read; Pillow unpacks 64 MiB of them from a small file

_WANTED = "a JPEG, PNG, WebP, GIF, BMP or TIFF file"


def opened(data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS) -> Image.Image:
    """The image as its header describes it, no pixel decoded yet.

    Raises NotAnImage for bytes of no known type, UnreadableImage for a damaged header, ImageTooLarge for a bomb.
    """
    if not data:
        raise UnreadableImage(f"the image is empty: send the bytes of {_WANTED}")
    with _ours(max_pixels):
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"the image has {width}×{height} pixels, more than {max_pixels}: send a smaller one")
    return image


def decode(data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, side: int | None = None) -> Image.Image:
    """The whole image in RGB, turned upright by its EXIF tag, transparency laid on white; raises what `opened` does.

    Every pixel is decoded here: Pillow's open is lazy, and a truncated file would only fail in a later batch. Where
    the picture is only wanted for `pixels` of that side, a large JPEG comes at a half, a quarter or an eighth.
    """
    image = opened(data, max_pixels=max_pixels)
    with _ours(max_pixels):
        if side is not None:
            _shrink(image, side)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # or it would be a copy, also of what is upright
        return rgb(image)


def _shrink(image: Image.Image, side: int) -> None:
    """Lets libjpeg decode fewer pixels, if `pixels` gets the same square from them and still averages many to one.

    Both sides must divide, or the square would lie elsewhere by part of a pixel; `DRAFTED` times its side must be left.
    """
    width, height = image.size
    for times in (8, 4, 2):
        if width % times == height % times == 0 and min(width, height) >= times * DRAFTED * side:
            image.draft(image.mode, (width // times, height // times))  # does nothing to what is no JPEG
            return


@contextmanager
def _ours(max_pixels: int) -> Iterator[None]:
    """Raises Pillow's errors as ours."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"the image has more than {max_pixels} pixels: send a smaller one") from error
    except UnidentifiedImageError as error:
        raise NotAnImage(f"the bytes are no image that can be read: send {_WANTED}") from error
    except Exception as error:  # on damaged files Pillow's plugins raise whatever the damage leads them to
        raise UnreadableImage(f"the image cannot be read ({error}): send the whole of {_WANTED}") from error


def rgb(image: Image.Image) -> Image.Image:
    """The image in RGB, with transparent parts on white."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):  # 16 bits a channel: scaled, since a plain conversion would clip
        return _scaled(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_white(image)
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """To 8 bits from 16 or from numbers, strip by strip: as numbers the whole would be held four times over."""
    top = 65535.0 if any(_values(image, box).max() > 255.0 for box in _strips(image)) else 255.0
    scaled = Image.new("RGB", image.size)
    for box in _strips(image):
        values = _values(image, box).clip(0, top) * (255.0 / top)
        scaled.paste(Image.fromarray(values.astype(np.uint8)).convert("RGB"), box)
    return scaled


def _values(image: Image.Image, box: Box) -> npt.NDArray[np.float32]:
    return np.nan_to_num(np.asarray(image.crop(box), dtype=np.float32), posinf=65535.0)  # a file may hold no numbers


def _on_white(image: Image.Image) -> Image.Image:
    """Strip by strip, since each of four steps would hold a whole copy: a gigabyte, of a file of 200 KB."""
    flat = Image.new("RGB", image.size)
    for box in _strips(image):
        layer = image.crop(box).convert("RGBA")
        flat.paste(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"), box)
    return flat


def _strips(image: Image.Image) -> Iterator[Box]:
    """Boxes that cover the image, none beyond `STRIP` either way: one row alone may have fifty million pixels."""
    columns, rows = STRIP
    for top in range(0, image.height, rows):
        for left in range(0, image.width, columns):
            yield left, top, min(left + columns, image.width), min(top + rows, image.height)


def pixels(image: Image.Image, *, size: int) -> Pixels:
    """An RGB image as (3, S, S): shorter side to `size` with bicubic filtering, then the centre square."""
    width, height = image.size
    short = min(width, height)
    # The size that torchvision's Resize would make, and the offset of its CenterCrop, both in resized pixels …
    wide, high = size * width // short, size * height // short
    left, top = round((wide - size) / 2), round((high - size) / 2)
    # … carried back to the original picture, so that only the square is resampled.
    across, down = width / wide, height / high
    columns = (left * across, 0, min((left + size) * across, width), height)
    rows = (0, top * down, size, min((top + size) * down, height))
    # Only the rows that the filter reads: a strip of a million rows would otherwise be widened whole.
    reach = math.ceil(3 * max(1.0, down))
    first, last = max(0, math.floor(rows[1]) - reach), min(height, math.ceil(rows[3]) + reach)
    if last - first < height:  # or it would be a copy
        image = image.crop((0, first, width, last))
    columns = (columns[0], 0, columns[2], last - first)
    rows = (0, rows[1] - first, size, rows[3] - first)
    # One pass at a time: given both at once, Pillow picks their order by the box's shape, not by the picture's.
    narrow = image.resize((size, last - first), Image.Resampling.BICUBIC, box=columns)
    square = narrow.resize((size, size), Image.Resampling.BICUBIC, box=rows)
    return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))  # (3, S, S)
