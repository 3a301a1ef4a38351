"""Image bytes to pixels: the one preprocessing, used by serving, indexing, training and evaluation alike.

It gives the pixels that open_clip's own evaluation transform gives, without ever making the whole resized picture: a
1×4000 strip costs no more than a square.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from PIL import AvifImagePlugin, ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError, features

from models import containers, full_scale
from models.arrays import Pixels
from models.errors import ImageTooCostly, ImageTooLarge, NotAnImage, UnreadableImage

DRAFTED = 3  # with which embeddings keep a cosine of .9999 to those of the whole; at 2 it falls below
MAX_IMAGE_PIXELS = 50_000_000
Mode: TypeAlias = Literal["crop", "squash", "pad"]  # open_clip's shortest, squash and longest
Filter: TypeAlias = Literal["bicubic", "bilinear"]
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom of a part, as shares of the upright image
STRIP = (4096, 256)  # at most, columns and rows, where a step works in other pixels than the image's
FORMATS = (  # what a photograph comes in; Pillow knows many more
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"),
    *(name for name, feature in (("AVIF", "avif"), ("JPEG2000", "jpg_2000")) if features.check(feature)),
)
JPEG_FORMATS = ("JPEG", "MPO")  # MPO is a JPEG with several images
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 2**20  # Pillow unpacks 64 MiB of texts from a small file
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # images are decoded side by side already

# Orientations of EXIF after which the right side is at the left, the bottom at the top, the sides are changed.
_RIGHT_TO_LEFT, _BOTTOM_TO_TOP, _ON_ITS_SIDE = (2, 3, 6, 7), (3, 4, 7, 8), (5, 6, 7, 8)
_WANTED = "a JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or JPEG 2000 file"
TOO_MUCH_MEMORY = "the image takes too much memory to decode: send a smaller one"


@dataclass(frozen=True, slots=True)
class Resize:
    """How an image becomes a square: its centre, the whole in other proportions, or the whole with a margin."""

    size: int  # S
    mode: Mode = "crop"
    filter: Filter = "bicubic"
    fill: int = 0  # grey of the margin, 0…255


def load_plugins() -> None:
    """Imports all that Pillow needs, or the first image of a format waits for it."""
    Image.init()


def square(data: bytes, *, resize: Resize, max_pixels: int, box: Box | None = None) -> Pixels:
    """Return the pixels (3, S, S) of an image file's bytes, or of a part; raises what `decode` does."""
    size = resize.size
    if box is None:
        return _square(_decoded(data, max_pixels=max_pixels, side=size), resize)
    left, top, right, bottom = box
    whole = _decoded(data, max_pixels=max_pixels, side=math.ceil(size / min(right - left, bottom - top)))
    x, y, width, height = *whole.corner, *whole.sides
    first = math.floor(x + left * width), math.floor(y + top * height)
    last = math.ceil(x + right * width), math.ceil(y + bottom * height)
    return pixels(whole.image.crop((*first, *last)), resize)


def thumbnail(data: bytes, *, size: int, max_pixels: int) -> bytes:
    """Return a JPEG of the image with at most `size` pixels a side; raises what `decode` does."""
    image = decode(data, max_pixels=max_pixels, side=max(1, size // 2))  # so that twice `size` is left at least
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def opened(data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS) -> Image.Image:
    """The image as its header describes it, no pixel decoded yet.

    Raises NotAnImage for bytes of no known type, UnreadableImage for a damaged header, and ImageTooLarge or
    ImageTooCostly for a bomb.
    """
    if not data:
        raise UnreadableImage(f"the image is empty: send the bytes of {_WANTED}")
    data = containers.essential(data)
    with _translate_errors(max_pixels):
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"the image has {width}×{height} pixels, more than {max_pixels}: send a smaller one")
    return image


def decode(data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS, side: int | None = None) -> Image.Image:
    """The whole image in RGB, turned upright by its EXIF tag, transparency laid on white; raises what `opened` does.

    Every pixel is decoded here: Pillow's open is lazy, and a truncated file would only fail in a later batch. If
    the image is only wanted for a square of that side, a large JPEG comes at a half, a quarter or an eighth; if a side
    does not divide by that, its last pixel there is only partly of the image, as `square` takes into account. Raises
    ImageTooCostly if the process may not use as much memory as that takes.
    """
    return _decoded(data, max_pixels=max_pixels, side=side).image


@dataclass(frozen=True, slots=True)
class _Decoded:
    """An upright image, decoded at one of `times` its size, and its own width and height."""

    image: Image.Image
    times: int
    width: int
    height: int
    orientation: int  # as EXIF numbers them: of the file, before it was turned

    @property
    def corner(self) -> tuple[float, float]:
        """Left and top of the image in decoded pixels: above 0 if pixels partly beyond it were turned there."""
        wide, high = self.sides
        left = self.image.width - wide if self.orientation in _RIGHT_TO_LEFT else 0.0
        top = self.image.height - high if self.orientation in _BOTTOM_TO_TOP else 0.0
        return left, top

    @property
    def sides(self) -> tuple[float, float]:
        """Width and height of the image in decoded pixels."""
        return self.width / self.times, self.height / self.times


def _decoded(data: bytes, *, max_pixels: int, side: int | None) -> _Decoded:
    image = opened(data, max_pixels=max_pixels)
    width, height = image.size
    with _translate_errors(max_pixels):
        try:
            times = _shrink(image, side)
            image.load()
        except OSError:
            if image.format not in JPEG_FORMATS or not _lacks_only_its_end(data):
                raise
            image = Image.open(io.BytesIO(data + containers.JPEG_END), formats=FORMATS)
            times = _shrink(image, side)
            image.load()
        orientation = _turn_upright(image)
        if orientation in _ON_ITS_SIDE:
            width, height = height, width
        return _Decoded(rgb(image), times, width, height, orientation)


def _shrink(image: Image.Image, side: int | None) -> int:
    """Decodes fewer pixels if `DRAFTED` times the side is left, of JPEG 2000 if it divides; returns by what."""
    width, height = image.size
    for halvings in (3, 2, 1) if side is not None else ():
        times = 2**halvings
        if min(width, height) < times * DRAFTED * (side or 1):
            continue
        if image.format == "JPEG2000" and width % times == height % times == 0:
            image.reduce = halvings  # type: ignore[method-assign, assignment]  # Pillow: JPEG 2000 has a property of that name
            return times
        if image.format in JPEG_FORMATS:
            image.draft(image.mode, (width // times, height // times))
            return -(-width // image.width)
    return 1


def _lacks_only_its_end(data: bytes) -> bool:
    """Return whether all pixels of a JPEG are there: those that are not depend on the bytes that follow."""
    first, second = (
        Image.open(io.BytesIO(data + filler + containers.JPEG_END), formats=FORMATS)
        for filler in (b"", containers.JPEG_NOISE)
    )
    return all(first.crop(box).tobytes() == second.crop(box).tobytes() for box in _strips(first))


def _turn_upright(image: Image.Image) -> int:
    """Turns the image in place, and returns the orientation that it had; 1 is upright."""
    before, orientation = image.im, 1
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        ImageOps.exif_transpose(image, in_place=True)  # or it would be a copy, also of what is upright
    except MemoryError:
        raise
    except Exception:  # whatever a damaged EXIF leads Pillow to; browsers show the image, too
        pass
    return 1 if image.im is before else orientation


@contextmanager
def _translate_errors(max_pixels: int) -> Iterator[None]:
    """Raises Pillow's errors as ours."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"the image has more than {max_pixels} pixels: send a smaller one") from error
    except UnidentifiedImageError as error:
        raise NotAnImage(f"the bytes are no image that can be read: send {_WANTED}") from error
    except MemoryError as error:
        raise ImageTooCostly(TOO_MUCH_MEMORY) from error
    except Exception as error:  # on damaged files Pillow's plugins raise whatever the damage leads them to
        raise UnreadableImage(f"the image cannot be read ({error}): send the whole of {_WANTED}") from error


def rgb(image: Image.Image) -> Image.Image:
    """The image in RGB, with transparent parts on white."""
    if image.mode.startswith(("I", "F")):  # more than 8 bits: scaled, since a plain conversion would clip
        return _scaled(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """To 8 bits from 16 or from numbers, strip by strip: as numbers the whole would be held four times over."""
    highest = max(full_scale.highest(image, box) for box in _strips(image))
    top = full_scale.white(image, highest)
    scaled = Image.new("RGB", image.size)
    for box in _strips(image):
        values = full_scale.values(image, box, top=top) * (255.0 / top)
        scaled.paste(Image.fromarray(values.round().astype(np.uint8)).convert("RGB"), box)
    return scaled


def _on_white(image: Image.Image) -> Image.Image:
    """Strip by strip, since each of four steps would hold a whole copy: a gigabyte, of a file of 200 KB."""
    flat = Image.new("RGB", image.size)
    for box in _strips(image):
        layer = image.crop(box)
        if layer.mode == "La":
            layer = layer.convert("LA")  # Pillow knows no direct way
        layer = layer.convert("RGBA")
        flat.paste(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"), box)
    return flat


def _strips(image: Image.Image) -> Iterator[full_scale.Box]:
    """Boxes that cover the image, none beyond `STRIP` either way: one row alone may have fifty million pixels."""
    columns, rows = STRIP
    for top in range(0, image.height, rows):
        for left in range(0, image.width, columns):
            yield left, top, min(left + columns, image.width), min(top + rows, image.height)


def pixels(image: Image.Image, resize: Resize) -> Pixels:
    """An RGB image as (3, S, S)."""
    return _square(_Decoded(image, 1, *image.size, orientation=1), resize)


def _square(decoded: _Decoded, resize: Resize) -> Pixels:
    made = _SQUARES[resize.mode](decoded, resize)
    return np.ascontiguousarray(np.asarray(made, dtype=np.uint8).transpose(2, 0, 1))  # (3, S, S)


def _squashed(decoded: _Decoded, resize: Resize) -> Image.Image:
    return _resized(decoded, (resize.size, resize.size), resize.filter)


def _padded(decoded: _Decoded, resize: Resize) -> Image.Image:
    """The longer side to S, the rest filled on both sides, one pixel more at the right or the bottom."""
    size, longest = resize.size, max(decoded.width, decoded.height)
    width, height = (max(1, round(side / (longest / size))) for side in (decoded.width, decoded.height))
    whole = Image.new("RGB", (size, size), (resize.fill,) * 3)
    whole.paste(_resized(decoded, (width, height), resize.filter), ((size - width) // 2, (size - height) // 2))
    return whole


def _resized(decoded: _Decoded, size: tuple[int, int], filter: Filter) -> Image.Image:
    """In one call as torchvision; a high strip in two, or it would be widened whole first."""
    image, (x, y), (width, height) = decoded.image, decoded.corner, decoded.sides
    if height > STRIP[0] and width < size[0]:
        image = image.resize((image.width, size[1]), _FILTERS[filter], box=(0, y, image.width, y + height))
        y, height = 0, size[1]
    return image.resize(size, _FILTERS[filter], box=(x, y, x + width, y + height))


def _cropped(decoded: _Decoded, resize: Resize) -> Image.Image:
    """The shorter side to S, then the centre."""
    image, size, filter = decoded.image, resize.size, _FILTERS[resize.filter]
    short = min(decoded.width, decoded.height)
    # The size that torchvision's Resize would make, and the offset of its CenterCrop, both in resized pixels …
    wide, high = size * decoded.width // short, size * decoded.height // short
    left, top = round((wide - size) / 2), round((high - size) / 2)
    # … carried back to the decoded picture, so that only the square is resampled.
    across, down = decoded.sides[0] / wide, decoded.sides[1] / high
    (x, y), (width, height) = decoded.corner, image.size
    columns = (x + left * across, 0, min(x + (left + size) * across, width), height)
    rows = (0, y + top * down, size, min(y + (top + size) * down, height))
    # Only the rows that the filter reads: a strip of a million rows would otherwise be widened whole.
    reach = math.ceil(3 * max(1.0, down))
    first, last = max(0, math.floor(rows[1]) - reach), min(height, math.ceil(rows[3]) + reach)
    if last - first < height:  # or it would be a copy
        image = image.crop((0, first, width, last))
    columns = (columns[0], 0, columns[2], last - first)
    rows = (0, rows[1] - first, size, rows[3] - first)
    # One pass at a time: given both at once, Pillow picks their order by the box's shape, not by the picture's.
    narrow = image.resize((size, last - first), filter, box=columns)
    return narrow.resize((size, size), filter, box=rows)


_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_SQUARES = {"crop": _cropped, "squash": _squashed, "pad": _padded}
