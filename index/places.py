"""Facts of a gallery by its folder or its address in Milvus, without opening it."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from index.items import attribute_file
from index.milvus import address
from index.storage import snapshot
from index.storage.manifest import SnapshotManifest

if TYPE_CHECKING:
    from index.milvus.shop import MilvusShop


def live_manifest(gallery: Path) -> SnapshotManifest:
    """The manifest of the live snapshot; raises GalleryMissing or GalleryBroken."""
    if address.is_milvus(gallery):
        shop = _shop(str(gallery))
        return shop.snapshot(shop.live_name()).manifest
    return snapshot.live_manifest(gallery)


def servable_manifest(gallery: Path, space_id: str) -> SnapshotManifest:
    """The manifest of the snapshot that a model of this space serves, or of the live one if it can serve none.

    In Milvus that may be an older one than the live, which is of another model. Raises as `live_manifest`.
    """
    if address.is_milvus(gallery):
        shop = _shop(str(gallery))
        return shop.snapshot(shop.name_for(space_id)).manifest
    return snapshot.live_manifest(gallery)


def kept_snapshots(gallery: Path) -> list[SnapshotManifest]:
    """The manifests of the kept snapshots, the oldest first."""
    return _shop(str(gallery)).snapshots() if address.is_milvus(gallery) else snapshot.kept_snapshots(gallery)


def columns(gallery: Path) -> Mapping[str, str]:
    """The map from attributes to columns by which the live snapshot was built."""
    if address.is_milvus(gallery):
        shop = _shop(str(gallery))
        return shop.snapshot(shop.live_name()).columns
    return attribute_file.read_source(snapshot.live(gallery).path / snapshot.ATTRIBUTES).columns


def check_writable(gallery: Path) -> None:
    """Raises GalleryReadOnly if the gallery exists and this process may not change it."""
    if not address.is_milvus(gallery):
        snapshot.check_writable(gallery)


def folder(gallery: Path) -> Path:
    """The folder of the files that are sent to the gallery."""
    return address.parse(gallery).folder if address.is_milvus(gallery) else gallery


def argument(gallery: Path) -> str:
    """The gallery as it is named on a command line that is run in another folder."""
    return address.parse(gallery).name if address.is_milvus(gallery) else str(gallery.resolve())


@lru_cache(maxsize=8)
def _shop(gallery: str) -> "MilvusShop":
    from index.milvus.connection import MilvusConnection
    from index.milvus.shop import MilvusShop

    return MilvusShop(MilvusConnection(address.parse(gallery)))
