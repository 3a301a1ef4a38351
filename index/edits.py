"""Items that are put or deleted one by one: their pictures embedded and kept, then all written as changes."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from index.gallery import Gallery
from index.items.items import GalleryItem
from index.sources import image_bytes
from index.sources.rows import SourceRow, Value
from index.storage import snapshot
from index.storage.changes import Change, Delete, Upsert, Vector
from index.storage.journal import Journal, ReadOnlyJournal
from models import files
from models.arrays import Pixels
from models.encoder import Encoder
from models.errors import GalleryError, InputError, UnknownItem

BATCH = 64

Problem = InputError | UnknownItem


@dataclass(frozen=True, slots=True)
class Put:
    """An item to be there from now on; without an image it keeps the picture that it has."""

    id: str
    image: bytes | None
    attributes: Mapping[str, Value]


def change(
    wanted: Sequence[Put | Delete], gallery: Gallery, encoder: Encoder, folder: Path, *, max_pixels: int
) -> list[Problem | None]:
    """Makes the changes in their order, durable when it returns; what is wrong with one hurts no other.

    Gives for each the problem that kept it from being made: UnknownItem for one that is not there, UnreadableImage
    and its kin for a picture. `folder` is the gallery's, where the pictures are kept. Raises GalleryError where the
    disk takes no more, and then nothing is changed.
    """
    problems: list[Problem | None] = [None] * len(wanted)
    vectors = _embedded(wanted, encoder, problems, max_pixels)
    latest: dict[str, Upsert | None] = {}  # what this call makes of an item
    changes: list[Change] = []
    for number, each in enumerate(wanted):
        if problems[number] is not None:
            continue
        try:
            before = latest[each.id] if each.id in latest else gallery.upsert(each.id)
            made: Change
            if isinstance(each, Put) and each.image is not None:
                content = hashlib.sha256(each.image).hexdigest()
                item = GalleryItem(each.id, str(_kept(folder, each.image, content)), each.attributes)
                made = Upsert(item, content, encoder.manifest.space_id, vectors[number])
            elif before is None:
                raise UnknownItem(f"the gallery has no item {each.id!r}: put it with its image, or leave it out")
            elif isinstance(each, Put):
                made = replace(before, item=replace(before.item, attributes=each.attributes))
            else:
                made = each
        except (InputError, UnknownItem) as problem:
            problems[number] = problem
        else:
            changes.append(made)
            latest[each.id] = made if isinstance(made, Upsert) else None
    gallery.change(changes)
    return problems


def restate(journal: Journal | ReadOnlyJournal, encoder: Encoder, *, max_pixels: int) -> int:
    """Embeds anew the items of the journal that another model embedded; how many could not be, their pictures gone."""
    entries = journal.foreign(encoder.manifest.space_id)
    wanted: list[Put | Delete] = []
    problems: list[Problem | None] = [None] * len(entries)
    for number, entry in enumerate(entries):
        assert isinstance(entry.change, Upsert)
        item = entry.change.item
        try:
            row = SourceRow(item.id, snapshot.local_uri(journal.gallery, item.uri), {})
            wanted.append(Put(item.id, image_bytes.read_image(row), {}))
        except InputError as problem:
            problems[number] = problem
            wanted.append(Delete(item.id))
    vectors = _embedded(wanted, encoder, problems, max_pixels)
    if vectors:
        journal.restate({entries[number].seq: vector for number, vector in vectors.items()}, encoder.manifest.space_id)
    return len(entries) - len(vectors)


def _embedded(
    wanted: Sequence[Put | Delete], encoder: Encoder, problems: list[Problem | None], max_pixels: int
) -> dict[int, Vector]:
    """The vectors of the pictures by their place; a picture that cannot be used is a problem at its place."""
    pixels: dict[int, Pixels] = {}
    for number, each in enumerate(wanted):
        if isinstance(each, Put) and each.image is not None:
            try:
                pixels[number] = encoder.preprocess(each.image, max_pixels=max_pixels)
            except InputError as problem:
                problems[number] = problem
    vectors: dict[int, Vector] = {}
    numbers = list(pixels)
    for start in range(0, len(numbers), BATCH):
        some = numbers[start : start + BATCH]
        found = encoder.gallery(np.stack([pixels[number] for number in some]))  # (b, d)
        for number, vector in zip(some, found, strict=True):
            if np.isfinite(vector).all():
                vectors[number] = vector.astype(np.float16)
            else:
                problems[number] = InputError(f"the model gives no finite embedding of {wanted[number].id!r}")
    return vectors


def _kept(folder: Path, data: bytes, content: str) -> Path:
    """Where a picture lies from now on, by its content; on the disk when it returns."""
    path = snapshot.uploaded_image(folder, content)
    with suppress(OSError):
        os.utime(path)  # young again, so that a sweep that already knows who wants it leaves it
        if path.exists():
            return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, data)
        for parent in (path.parent.parent, path.parent.parent.parent):  # their names may be new too
            files.sync(parent)
    except OSError as error:
        raise GalleryError(f"{path} cannot be written ({error}): make room, and put the item again") from error
    return path
