"""Pictures by the file: what type the bytes are, the file of an item, and thumbnails of it."""

import functools
import io
from dataclasses import dataclass

from PIL import Image

from index.ingest import SourceRow, read_image
from index.items import Item
from models import preprocess
from models.errors import ImageTooLarge, InputError, UnknownItem, UnreadableImage

# Pillow's names of the types that `preprocess` reads; MPO is what it calls a JPEG with several pictures.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "PPM": "image/x-portable-anymap",
}
FETCH_TIMEOUT_S = 3.0  # for galleries whose pictures are URLs: an operator wrote those, never a caller
SHOWN_BY_BROWSERS = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file as it is sent."""

    data: bytes
    media_type: str


def media_type(data: bytes) -> str:
    """The media type by the file's own bytes; raises what `preprocess.opened` raises."""
    return MEDIA_TYPES[preprocess.opened(data).format or ""]


def read(item: Item, *, max_bytes: int) -> bytes:
    """The bytes of an item's own picture; raises UnknownItem where it cannot be had any more."""
    row = SourceRow(item.id, item.uri, {})
    try:
        return read_image(row, max_image_bytes=max_bytes, timeout_s=FETCH_TIMEOUT_S)
    except InputError as error:
        raise UnknownItem(f"the picture of item {item.id!r} cannot be had any more: rebuild the gallery") from error


def picture(item: Item, *, size: int | None, max_bytes: int, max_pixels: int) -> Picture:
    """An item's picture as a browser can show it: the file itself, or a JPEG at most `size` pixels wide and high.

    Raises UnknownItem where the file is gone or no image any more, so that no other file is ever sent.
    """
    data = read(item, max_bytes=max_bytes)
    try:
        kind = media_type(data)
        if kind in SHOWN_BY_BROWSERS and (size is None or _fits(data, size)):
            return Picture(data=data, media_type=kind)
        return Picture(data=_thumbnail(data, size or 2048, max_pixels), media_type="image/jpeg")
    except (UnreadableImage, ImageTooLarge) as error:
        raise UnknownItem(
            f"the picture of item {item.id!r} has changed and is no image now: rebuild the gallery"
        ) from error


def _fits(data: bytes, size: int) -> bool:
    return max(preprocess.opened(data).size) <= size


@functools.lru_cache(maxsize=256)  # by content, so that a changed file is drawn anew
def _thumbnail(data: bytes, size: int, max_pixels: int) -> bytes:
    image = preprocess.decode(data, max_pixels=max_pixels)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
