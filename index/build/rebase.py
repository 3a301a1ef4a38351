"""Edits that were made during a build: what they changed stays, and the rest of their items is the build's."""

from collections.abc import Sequence
from dataclasses import replace

from index.storage.changes import Entry, Upsert
from index.storage.open_snapshot import OpenSnapshot
from index.storage.snapshot import Snapshot
from index.storage.view import RowView


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
    contents = [image.content for image in edited.images]
    if (edited.item.uris, contents) != (old.uris, before.contents(old_row)):  # other images
        item, states, space_id = edited.item, edited.images, edited.space_id
    else:
        item, states, space_id = new, made.states(new_row), sealed.manifest.space_id
    change = Upsert(replace(item, attributes=attributes), states[0].content, space_id, states[0].vector, states[1:])
    same = (change.item, change.space_id) == (edited.item, edited.space_id)
    return None if same and [image.content for image in change.images] == contents else change
