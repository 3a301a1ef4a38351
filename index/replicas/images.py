"""The images of a snapshot's items that were sent with changes, by their digests."""

from collections.abc import Sequence
from pathlib import Path

from index.items import further_images, items
from index.sources.image_bytes import UPLOADED
from index.storage import snapshot


def uploaded(path: Path) -> Sequence[str]:
    """The digests of the uploaded images of the items of the snapshot at `path`, each once; raises GalleryBroken."""
    tables = [items.states(path / snapshot.ITEMS)]
    if (path / snapshot.FURTHER).exists():
        tables.append(further_images.states(path / snapshot.FURTHER))
    uris = (uri for table in tables for uri in table.column("uri").to_pylist())
    return sorted({match[2] for uri in uris if (match := UPLOADED.search(uri))})
