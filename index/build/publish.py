"""A sealed snapshot made live, and what no kept snapshot needs any more removed."""

import time
from collections.abc import Sequence
from pathlib import Path

from index.items import items
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.journal import Journal
from index.storage.view import OpenSnapshot
from models.errors import GalleryBroken

YOUNG_S = 3600.0  # a picture is kept before its item is written


def publish(gallery: Path, made: snapshot.Snapshot, journal: Journal) -> None:
    """Makes a sealed snapshot live once it has been opened as the service will, and clears away what is too old.

    The journal keeps what the oldest kept snapshot lacks, so that each of them can be rolled back to. While a kept
    snapshot's manifest cannot be read, nothing is forgotten.
    """
    OpenSnapshot.open(snapshot.checked(made.path))
    snapshot.publish(gallery, made.manifest.name)
    kept = snapshot.retire(gallery)
    if len(kept) < len(snapshot.folders(gallery)):
        return  # what one that cannot be read needs is not known
    journal.prune(min(manifest.through for manifest in kept))
    sweep(gallery, [manifest.name for manifest in kept], journal)


def sweep(gallery: Path, kept: Sequence[str], journal: Journal, *, older_s: float = YOUNG_S) -> None:
    """Removes uploaded pictures of no item of the kept snapshots and the journal, that are not just being put.

    While the items of a kept snapshot cannot be read, nothing is removed.
    """
    pictures = gallery / snapshot.UPLOADED_IMAGES
    if not pictures.is_dir():
        return
    uris = {entry.change.item.uri for entry in journal.since(journal.pruned()) if isinstance(entry.change, Upsert)}
    for name in kept:
        try:
            uris.update(items.states(gallery / snapshot.SNAPSHOTS / name / snapshot.ITEMS).column("uri").to_pylist())
        except GalleryBroken:
            return
    # by name, which is the content's hash: the gallery may have been moved since they were put
    wanted = {uri.rpartition("/")[2] for uri in uris}
    latest = time.time() - older_s
    for path in pictures.glob("*/*"):
        if path.name not in wanted and path.stat().st_mtime < latest:
            path.unlink(missing_ok=True)
