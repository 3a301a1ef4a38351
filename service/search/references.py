"""The images of a query: where each comes from, which part of it counts, and by how much."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from index.gallery_view import GalleryView
from index.items.items import GalleryItem
from index.sources import image_bytes
from models.arrays import Embeddings, Pixels
from models.encoder import Encoder
from models.errors import InputError
from models.preprocess import Box
from service.images import thumbnails
from service.images.download import Unfetchable
from service.settings import Settings

MOST_IMAGES = 4  # of one query, and as many to be unlike


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image by its bytes, as an item of the gallery (possibly with its bytes), or by a URL that was fetched."""

    data: bytes | None = None
    item_id: str | None = None
    url: str | None = None
    box: Box | None = None  # None: the whole image
    weight: float = 1.0
    number: int = 0  # of the item's image

    def needs_image(self, *, composed: bool) -> bool:
        """Return True if it must be decoded: a whole item without a text is searched by its stored vector."""
        return self.item_id is None or composed or self.box is not None


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """An image of a query that must be fetched first, from the URI of its item or from its own URL."""

    place: int  # among the images of the query
    item: GalleryItem | None
    url: str | None


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image that has been decoded, or the stored vector of its item."""

    pixels: Pixels | None  # (3, S, S)
    vector: Embeddings | None  # (d,)
    weight: float


def remote_images(references: Sequence[ImageReference], view: GalleryView, *, composed: bool) -> list[RemoteImage]:
    """Return those that must be fetched over the network; raises UnknownItem, also for an image that an item lacks."""
    remote = []
    for place, reference in enumerate(references):
        item = None if reference.item_id is None else view.item(reference.item_id).with_image(reference.number)
        if item is not None and not (reference.needs_image(composed=composed) and image_bytes.host(item.uri)):
            continue
        if item is not None or reference.url is not None:
            remote.append(RemoteImage(place, item, reference.url))
    return remote


def prepare_image(
    reference: ImageReference, *, encoder: Encoder, view: GalleryView, settings: Settings, composed: bool
) -> PreparedImage:
    """Decode the image, if its vector is not stored; raises UnknownItem, and InputError if it cannot be used."""
    data = reference.data
    if reference.item_id is not None:
        item = view.item(reference.item_id).with_image(reference.number)
        if not reference.needs_image(composed=composed):
            return PreparedImage(None, view.vector(reference.item_id, reference.number), reference.weight)
        if data is None:  # it was not fetched before
            data = thumbnails.read(item, max_bytes=settings.max_image_bytes, private_hosts=False)
    assert data is not None  # an image by URL has been fetched
    try:
        pixels = encoder.preprocess(data, max_pixels=settings.max_pixels, box=reference.box)
    except InputError as error:
        if reference.url is None:
            raise
        raise Unfetchable(reference.url, str(error)) from error
    return PreparedImage(pixels, None, reference.weight)


def content(data: bytes) -> str:
    """Return the SHA-256 of an image file, as the gallery stores it."""
    return hashlib.sha256(data).hexdigest()
