"""Images of items as browsers can show them, and thumbnails."""

import hashlib
import threading
from contextlib import suppress
from dataclasses import dataclass

from cachetools import LRUCache

from index.items.items import GalleryItem
from index.sources.image_bytes import read_image
from index.sources.rows import SourceRow
from models.errors import (
    ImageTooCostly,
    ImageTooLarge,
    InputError,
    PrivateHost,
    UnknownItem,
    UnreachableImage,
    UnreadableImage,
)
from models.image_decoders import ImageDecoders

# Pillow's names of the formats that browsers show; MPO is a JPEG with several images.
SHOWN_BY_BROWSERS = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
FETCH_TIMEOUT_S = 3.0  # for items whose image is a URL: the operator chose these URLs, not a caller
WHOLE_PX = 2048  # of an image that is converted only because of its format
CACHE_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file as it is sent."""

    data: bytes
    media_type: str


def read(item: GalleryItem, *, max_bytes: int, private_hosts: bool) -> bytes:
    """Return the bytes of an item's image; raises UnreachableImage, and UnknownItem if it can no longer be read."""
    row = SourceRow(item.id, item.uri, {})
    try:
        return read_image(row, max_image_bytes=max_bytes, timeout_s=FETCH_TIMEOUT_S, private_hosts=private_hosts)
    except PrivateHost as error:
        raise PrivateHost(
            f"the image of item {item.id!r} is at a private address: set LIKEBUT_ALLOW_PRIVATE_HOSTS to serve it"
        ) from error
    except UnreachableImage as error:  # whose words have the address, which is not for every caller
        raise type(error)(
            f"the image of item {item.id!r} cannot be fetched from its host at the moment: try again, or search with"
            " the item alone"
        ) from error
    except InputError as error:
        raise UnknownItem(
            f"the image of item {item.id!r} is no longer there: put the item with its image, or rebuild the gallery"
        ) from error


class Thumbnails:
    """Images of items for browsers, with a cache of the latest JPEGs, at most `cache_bytes`; for many threads."""

    def __init__(
        self, decoders: ImageDecoders, *, max_bytes: int, max_pixels: int, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._decoders = decoders
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._lock = threading.Lock()
        self._cache: LRUCache[tuple[bytes, int], bytes] = LRUCache(cache_bytes, len)

    @property
    def cached_bytes(self) -> int:
        """Bytes of the JPEGs in the cache."""
        return int(self._cache.currsize)

    def image(self, item: GalleryItem, *, size: int | None, fetched: bytes | None = None) -> ImageFile:
        """Return an item's image as a browser can show it: the file itself, or a JPEG of at most `size` pixels a side.

        `fetched` are the bytes of one that is not on local disk. Raises UnknownItem if the file is gone or no longer an
        image, so that no other kind of file is ever sent, UnreachableImage, and ImageTooCostly.
        """
        data = read(item, max_bytes=self._max_bytes, private_hosts=False) if fetched is None else fetched
        try:
            header = self._decoders.header(data, max_pixels=self._max_pixels)
            kind = SHOWN_BY_BROWSERS.get(header.format)
            if kind is not None and (size is None or max(header.width, header.height) <= size):
                return ImageFile(data=data, media_type=kind)
            return ImageFile(data=self._thumbnail(data, size or WHOLE_PX), media_type="image/jpeg")
        except ImageTooCostly:
            raise
        except (UnreadableImage, ImageTooLarge) as error:
            raise UnknownItem(f"the file of item {item.id!r} is no longer an image: rebuild the gallery") from error

    def _thumbnail(self, data: bytes, size: int) -> bytes:
        key = hashlib.sha256(data).digest(), size  # by content, so that a changed file gets a new thumbnail
        with self._lock:
            if key in self._cache:
                return self._cache[key]
        drawn = self._decoders.thumbnail(data, size=size, max_pixels=self._max_pixels)
        with self._lock, suppress(ValueError):  # larger than the whole cache
            self._cache[key] = drawn
        return drawn
