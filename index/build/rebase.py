"""Edits that were made during a build: what they changed stays, and the rest of their items is the build's."""

from collections.abc import Sequence

from index.items.items import GalleryItem
from index.storage.changes import Entry, Upsert
from index.storage.snapshot import Snapshot
from index.storage.view import OpenSnapshot, RowView


def rebased(before: RowView, made: OpenSnapshot, sealed: Snapshot, entries: Sequence[Entry]) -> list[Upsert]:
    """Return the changes that bring edited items of the journal onto the made snapshot, which does not know them.

    An entry of the journal holds a whole item, as it was `before` the build and with its edit; the source may have a
    newer price or image of it. Items that the source lacks, or that are new, stay as the edits left them.
    """
    last = {entry.change.id: entry.change for entry in entries}
    found = [_onto(before, made, sealed, edited) for edited in last.values() if isinstance(edited, Upsert)]
    return [change for change in found if change is not None]


def _onto(before: RowView, made: OpenSnapshot, sealed: Snapshot, edited: Upsert) -> Upsert | None:
    """Return the item of the made snapshot with what an edit changed; None if that is the edited item itself."""
    id = edited.item.id
    old_row, new_row = before.row(id), made.items.rows.get(id)
    if old_row is None or new_row is None:
        return None
    old, new = before.item(old_row), made.items.at(new_row)
    attributes = {**new.attributes}
    for name in old.attributes.keys() | edited.item.attributes.keys():
        value = edited.item.attributes.get(name)
        if value == old.attributes.get(name):
            continue
        if value is None:
            attributes.pop(name, None)
        else:
            attributes[name] = value
    if (edited.item.uri, edited.content) != (old.uri, before.content(old_row)):  # another image
        change = Upsert(GalleryItem(id, edited.item.uri, attributes), edited.content, edited.space_id, edited.vector)
    else:
        vector = made.ranking.exact.vectors[new_row]
        content = made.items.content(new_row)
        change = Upsert(GalleryItem(id, new.uri, attributes), content, sealed.manifest.space_id, vector)
    same = (change.item, change.content, change.space_id) == (edited.item, edited.content, edited.space_id)
    return None if same else change
