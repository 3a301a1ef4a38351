"""Edits of single items: images embedded and stored, then all items written as changes of the gallery."""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from index import uploads
from index.gallery import Gallery, GalleryView
from index.items.attribute_types import convert_attributes
from index.items.items import GalleryItem
from index.sources import image_bytes
from index.sources.cells import Value
from index.sources.rows import SourceRow, id_problem
from index.storage import snapshot
from index.storage.changes import Change, Delete, Upsert, Vector
from index.storage.journal import Journal
from index.storage.read_only_journal import ReadOnlyJournal
from models.arrays import Pixels
from models.encoder import Encoder
from models.errors import GalleryError, InputError, SnapshotOutdated, UnknownItem

BATCH = 64
SWAP_S = 10.0  # in which a process opens a snapshot that another one has published
POLL_S = 0.02

Problem: TypeAlias = InputError | UnknownItem


@dataclass(frozen=True, slots=True)
class Put:
    """An item to create or replace; without an image, or without attributes (None), it keeps those that it has.

    To `merge` is to change an existing item: its other attributes stay, and those that are missing (None) are removed.
    """

    id: str
    image: bytes | None
    attributes: Mapping[str, Value] | None
    merge: bool = False


Edit: TypeAlias = Put | Delete


def apply(
    edits: Sequence[Edit], serving: Callable[[], tuple[Encoder, Gallery]], *, max_pixels: int
) -> list[Problem | None]:
    """Applies the edits in their order, durable when it returns; a problem with one does not affect the others.

    Returns the problem of each edit, or None: UnknownItem for an item that does not exist, UnreadableImage and its
    siblings for an image. `serving` gives the model and the gallery that answer now; if another model was swapped in
    meanwhile, the edits are applied once more with it, and if another snapshot is live, they wait until that one
    answers. Raises GalleryReadOnly, and GalleryError if the disk is full or the snapshot does not come; then nothing
    changed.
    """
    deleted: set[int] = set()
    end_s = time.monotonic() + SWAP_S
    while True:
        encoder, gallery = serving()
        try:
            problems = _apply(edits, gallery, encoder, max_pixels=max_pixels)
        except SnapshotOutdated as error:
            while serving()[1] is gallery:
                if time.monotonic() > end_s:
                    raise GalleryError(f"{error}; this process has not done so for {SWAP_S} s: try again") from error
                time.sleep(POLL_S)
            continue
        for number in deleted:
            problems[number] = None  # it was there the first time
        deleted |= {number for number, edit in enumerate(edits) if isinstance(edit, Delete) and not problems[number]}
        if serving()[0].manifest.space_id == encoder.manifest.space_id:
            return problems


def _apply(edits: Sequence[Edit], gallery: Gallery, encoder: Encoder, *, max_pixels: int) -> list[Problem | None]:
    snapshot.check_writable(gallery.journal.gallery)  # before anything is embedded
    problems: list[Problem | None] = [None] * len(edits)
    vectors = _embedded(edits, encoder, problems, max_pixels)
    gallery.journal.require_in_place()  # before an image is stored at a path that may be another gallery's
    images = _stored(edits, gallery.journal.gallery, vectors)
    with gallery.transaction() as (view, change):  # an item must not change between its reading and its writing
        change(_changes(edits, view, images, vectors, encoder.manifest.space_id, problems))
    return problems


def _changes(
    edits: Sequence[Edit],
    view: GalleryView,
    images: Mapping[int, tuple[str, Path]],
    vectors: Mapping[int, Vector],
    space_id: str,
    problems: list[Problem | None],
) -> list[Change]:
    """The changes that the edits make to the items of the view; `problems` gets those of impossible edits."""
    types = dict(view.rows.types)
    latest: dict[str, Upsert | None] = {}  # the items after the edits so far
    changes: list[Change] = []
    for number, edit in enumerate(edits):
        if problems[number] is not None:
            continue
        before = latest[edit.id] if edit.id in latest else view.upsert(edit.id)
        change: Change
        if before is None and (isinstance(edit, Delete) or edit.image is None or edit.merge):
            way_out = "it needs no deletion" if isinstance(edit, Delete) else "put it with its image, or leave it out"
            problem = f"the gallery has no item {edit.id!r}: {way_out}"
            problems[number] = UnknownItem(problem)
            continue
        if before is None and (cause := id_problem(edit.id)):
            problem = f"an item cannot have the id {edit.id[:100]!r} ({cause}): give it another one"
            problems[number] = InputError(problem)
            continue
        attributes: dict[str, Value] = {}
        try:
            if isinstance(edit, Put):
                attributes = convert_attributes(edit.attributes or {}, types)
        except InputError as error:
            problems[number] = InputError(f"the item {edit.id!r}: {error}")
            continue
        if isinstance(edit, Put) and before is not None and (edit.merge or edit.attributes is None):
            given = edit.attributes or {}
            others = {name: value for name, value in before.item.attributes.items() if name not in given}
            attributes = others | attributes
        if number in images:
            content, path = images[number]
            change = Upsert(GalleryItem(edit.id, str(path), attributes), content, space_id, vectors[number])
        elif isinstance(edit, Put):
            assert before is not None
            change = replace(before, item=replace(before.item, attributes=attributes))
        else:
            change = edit
        changes.append(change)
        latest[edit.id] = change if isinstance(change, Upsert) else None
    return changes


def _stored(edits: Sequence[Edit], folder: Path, embedded: Collection[int]) -> dict[int, tuple[str, Path]]:
    """The content and the path of each embedded image by the number of its edit."""
    stored = {}
    for number in embedded:
        edit = edits[number]
        assert isinstance(edit, Put) and edit.image is not None
        content = hashlib.sha256(edit.image).hexdigest()
        stored[number] = content, uploads.store(folder, edit.image, content)
    return stored


def restate(journal: Journal | ReadOnlyJournal, encoder: Encoder, *, max_pixels: int) -> int:
    """Embeds the journal's items of another model again; returns how many could not be, since their images are gone."""
    entries = journal.foreign(encoder.manifest.space_id)
    edits: list[Edit] = []
    problems: list[Problem | None] = [None] * len(entries)
    for number, entry in enumerate(entries):
        assert isinstance(entry.change, Upsert)
        item = entry.change.item
        try:
            row = SourceRow(item.id, uploads.local_uri(journal.gallery, item.uri), {})
            edits.append(Put(item.id, image_bytes.read_image(row), {}))
        except InputError as problem:
            problems[number] = problem
            edits.append(Delete(item.id))
    vectors = _embedded(edits, encoder, problems, max_pixels)
    if vectors:
        journal.restate({entries[number].seq: vector for number, vector in vectors.items()}, encoder.manifest.space_id)
    return len(entries) - len(vectors)


def _embedded(
    edits: Sequence[Edit], encoder: Encoder, problems: list[Problem | None], max_pixels: int
) -> dict[int, Vector]:
    """The vectors of the images by the number of their edit; `problems` gets those of unusable images."""
    pixels: dict[int, Pixels] = {}
    for number, edit in enumerate(edits):
        if isinstance(edit, Put) and edit.image is not None:
            try:
                pixels[number] = encoder.preprocess(edit.image, max_pixels=max_pixels)
            except InputError as problem:
                problems[number] = problem
    vectors: dict[int, Vector] = {}
    numbers = list(pixels)
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        embeddings = encoder.gallery(np.stack([pixels[number] for number in batch]))  # (b, d)
        for number, vector in zip(batch, embeddings, strict=True):
            if np.isfinite(vector).all():
                vectors[number] = vector.astype(np.float16)
            else:
                problems[number] = InputError(f"the model gives no finite embedding of {edits[number].id!r}")
    return vectors
