"""Pictures by the file: the file of an item as a browser can show it, and thumbnails of it."""

import hashlib
import io
import threading
from contextlib import suppress
from dataclasses import dataclass

from cachetools import LRUCache
from PIL import Image

from index.items.items import GalleryItem
from index.sources.image_bytes import read_image
from index.sources.rows import SourceRow
from models import preprocess
from models.errors import ImageTooLarge, InputError, UnknownItem, UnreadableImage

# Pillow's names of the types that browsers show; MPO is what it calls a JPEG with several pictures.
SHOWN_BY_BROWSERS = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
FETCH_TIMEOUT_S = 3.0  # for galleries whose pictures are URLs: an operator wrote those, never a caller
WHOLE_PX = 2048  # of a picture that has to be drawn anew only for its type
CACHE_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file as it is sent."""

    data: bytes
    media_type: str


def read(item: GalleryItem, *, max_bytes: int) -> bytes:
    """The bytes of an item's own picture; raises UnknownItem where it cannot be had any more."""
    row = SourceRow(item.id, item.uri, {})
    try:
        return read_image(row, max_image_bytes=max_bytes, timeout_s=FETCH_TIMEOUT_S)
    except InputError as error:
        raise UnknownItem(f"the picture of item {item.id!r} cannot be had any more: rebuild the gallery") from error


class Thumbnails:
    """Shows items' pictures, with a cache of the latest JPEGs, at most `cache_bytes`; for many threads."""

    def __init__(self, *, max_bytes: int, max_pixels: int, cache_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._lock = threading.Lock()
        self._cache: LRUCache[tuple[bytes, int], bytes] = LRUCache(cache_bytes, len)

    @property
    def cached_bytes(self) -> int:
        """Bytes of the JPEGs in the cache."""
        return int(self._cache.currsize)

    def picture(self, item: GalleryItem, *, size: int | None) -> ImageFile:
        """An item's picture as a browser can show it: the file itself, or a JPEG at most `size` pixels a side.

        Raises UnknownItem where the file is gone or no image any more, so that no other file is ever sent.
        """
        data = read(item, max_bytes=self._max_bytes)
        try:
            header = preprocess.opened(data, max_pixels=self._max_pixels)
            kind = SHOWN_BY_BROWSERS.get(header.format or "")
            if kind is not None and (size is None or max(header.size) <= size):
                return ImageFile(data=data, media_type=kind)
            return ImageFile(data=self._thumbnail(data, size or WHOLE_PX), media_type="image/jpeg")
        except (UnreadableImage, ImageTooLarge) as error:
            raise UnknownItem(
                f"the picture of item {item.id!r} has changed and is no image now: rebuild the gallery"
            ) from error

    def _thumbnail(self, data: bytes, size: int) -> bytes:
        key = hashlib.sha256(data).digest(), size  # by content, so that a changed file is drawn anew
        with self._lock:
            if key in self._cache:
                return self._cache[key]
        image = preprocess.decode(data, max_pixels=self._max_pixels)
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=85)
        drawn = file.getvalue()
        with self._lock, suppress(ValueError):  # larger than the whole cache
            self._cache[key] = drawn
        return drawn
