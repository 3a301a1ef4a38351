"""Publishes a sealed snapshot, and removes what no kept snapshot needs any more."""

from collections.abc import Sequence
from pathlib import Path

from index import uploads
from index.build.rebase import rebased
from index.items import items
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.journal import Journal
from index.storage.view import OpenSnapshot, RowView
from models.errors import GalleryBroken


def publish(gallery: Path, sealed: snapshot.Snapshot, journal: Journal, *, before: RowView | None = None) -> None:
    """Makes a sealed snapshot live after opening it as the service will, and removes what is too old.

    `before` are the items when a build from a source began: edits since then are brought onto the items of the source.

    The journal keeps the changes that the oldest kept snapshot lacks, so that each of them can be rolled back to. If
    the manifest of a kept snapshot cannot be read, no change is removed.
    """
    made = OpenSnapshot.open(snapshot.checked(sealed.path))
    with journal.transaction() as append:  # an edit is of the snapshot before or of this one
        if before is not None:
            append(rebased(before, made, sealed, journal.since(before.overlay.through)))
        snapshot.publish(gallery, sealed.manifest.name)
    kept = snapshot.retire(gallery)
    if len(kept) < len(snapshot.folders(gallery)):
        return  # the unreadable one may need any change
    journal.prune(min(manifest.through for manifest in kept))
    sweep(gallery, [manifest.name for manifest in kept], journal)


def sweep(gallery: Path, kept: Sequence[str], journal: Journal, *, older_s: float = uploads.YOUNG_S) -> None:
    """Removes uploaded images that no item of the kept snapshots and the journal has, except young ones.

    If the items of a kept snapshot cannot be read, nothing is removed.
    """
    uris = {entry.change.item.uri for entry in journal.since(journal.pruned()) if isinstance(entry.change, Upsert)}
    for name in kept:
        try:
            uris.update(items.states(gallery / snapshot.SNAPSHOTS / name / snapshot.ITEMS).column("uri").to_pylist())
        except GalleryBroken:
            return
    uploads.remove_unused(gallery, uris, older_s=older_s)
