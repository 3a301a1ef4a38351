"""The layout of a place: the live snapshot of each space, the manifests, and all files by their digests.

live/<space_id>            the name of the space's live snapshot, written last
snapshots/<name>.json      its manifest, written after its files
snapshots/<name>.uploaded  the digests of the images of its items that were sent with changes, one a line
files/<sha256>             a file of a snapshot
uploaded/<sha256>          such an image
"""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from index.replicas.place import Place
from index.storage.manifest import SnapshotManifest, dump
from models.errors import GalleryBroken

LIVE, SNAPSHOTS, FILES, UPLOADED = "live", "snapshots", "files", "uploaded"
MANIFEST_SUFFIX, UPLOADED_SUFFIX = ".json", ".uploaded"


def live_names(place: Place) -> Mapping[str, str]:
    """The name of the live snapshot of each space; raises SourceError."""
    return {space: place.read(f"{LIVE}/{space}").decode().strip() for space in place.sizes(LIVE)}


def manifest(place: Place, name: str) -> SnapshotManifest:
    """The manifest of a snapshot; raises SourceError, or GalleryBroken if it is not as it was written."""
    text = place.read(f"{SNAPSHOTS}/{name}{MANIFEST_SUFFIX}").decode(errors="replace")
    try:
        found = SnapshotManifest.model_validate_json(text)
    except ValidationError as error:
        raise GalleryBroken(
            f"the manifest of {name} in {place.name} is none that this version reads: update likebut, or push again"
        ) from error
    if dump(found) != text or found.name != name:
        raise GalleryBroken(f"the manifest of {name} in {place.name} was changed: push another snapshot")
    return found


def uploaded(place: Place, name: str) -> Sequence[str]:
    """The digests of the uploaded images of a snapshot; raises SourceError."""
    return place.read(f"{SNAPSHOTS}/{name}{UPLOADED_SUFFIX}").decode().split()
