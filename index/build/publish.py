"""Publishes a sealed snapshot, and removes what no kept snapshot needs any more."""

from collections.abc import Sequence
from pathlib import Path

from index import uploads
from index.build.rebase import rebased
from index.items import further_images, items
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.journal import Journal
from index.storage.manifest import SnapshotManifest
from index.storage.open_snapshot import OpenSnapshot
from index.storage.view import RowView
from models.errors import GalleryBroken, SnapshotOutdated, UnknownSnapshot


def publish(gallery: Path, sealed: snapshot.Snapshot, journal: Journal, *, before: RowView | None = None) -> None:
    """Makes a sealed snapshot live after opening it as the service will, and removes what is too old.

    `before` are the items when a build from a source began: edits since then are brought onto the items of the source.

    The journal keeps the changes that the oldest kept snapshot lacks, so that each of them can be rolled back to. If
    the manifest of a kept snapshot cannot be read, no change is removed.
    """
    made = OpenSnapshot.open(snapshot.checked(sealed.path))
    published = False
    while not published:
        with journal.transaction() as append:  # an edit is of the snapshot before or of this one
            edits = [] if before is None else rebased(before, made, sealed, journal.since(before.overlay.through))
            append(edits)
            published = not edits  # they must be on the disk before: a kill in between would lose them
            if published:
                snapshot.publish(gallery, sealed.manifest.name)
    kept = snapshot.retire(gallery)
    if len(kept) < len(snapshot.folders(gallery)):
        return  # the unreadable one may need any change
    journal.prune(min(manifest.through for manifest in kept))
    sweep(gallery, [manifest.name for manifest in kept], journal)


def roll_back(gallery: Path, name: str) -> SnapshotManifest:
    """Makes a kept snapshot live again; the changes since are searched on top of it, so that none is lost.

    Raises UnknownSnapshot if it does not exist, JobRunning, and GalleryBroken or SnapshotOutdated if it or a change
    since is damaged or gone: then the live one stays.
    """
    with snapshot.build_lock(gallery), Journal.open(gallery) as journal:
        names = [path.name for path in snapshot.folders(gallery)]
        if name not in names:
            raise UnknownSnapshot(f"the gallery keeps no snapshot {name!r}: it has {', '.join(names) or 'none'}")
        found = snapshot.checked(gallery / snapshot.SNAPSHOTS / name)
        OpenSnapshot.open(found)
        try:
            journal.since(found.manifest.through)
        except SnapshotOutdated as error:
            raise SnapshotOutdated(
                f"the journal keeps no change up to {journal.pruned()}, and the snapshot {name} needs those after"
                f" {found.manifest.through}: roll back to a newer one"
            ) from error
        snapshot.publish(gallery, name)
        return found.manifest


def sweep(gallery: Path, kept: Sequence[str], journal: Journal, *, older_s: float = uploads.YOUNG_S) -> None:
    """Removes uploaded images that no item of the kept snapshots and the journal has, except young ones.

    Removes uploaded tables, too, from which none of these snapshots was built. If the items of a kept snapshot or a
    change cannot be read, nothing is removed.
    """
    try:
        changes = [entry.change for entry in journal.since(journal.pruned())]
        uris = {uri for change in changes if isinstance(change, Upsert) for uri in change.item.uris}
        for name in kept:
            folder = gallery / snapshot.SNAPSHOTS / name
            uris.update(items.states(folder / snapshot.ITEMS).column("uri").to_pylist())
            if (folder / snapshot.FURTHER).exists():
                uris.update(further_images.states(folder / snapshot.FURTHER).column("uri").to_pylist())
    except GalleryBroken:
        return
    uploads.remove_unused(gallery, uris, older_s=older_s)
    uploads.remove_unused_tables(gallery, {each.source for each in snapshot.kept_snapshots(gallery)}, older_s=older_s)
