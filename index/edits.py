"""Edits of single items: images embedded and stored, then all items written as changes of the gallery."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from index import uploads
from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.items.attribute_types import convert_attributes
from index.items.items import GalleryItem
from index.sources import image_bytes
from index.sources.cells import Value
from index.sources.rows import SourceRow, id_problem
from index.storage.changes import Change, Delete, Entry, ImageState, Upsert, Vector
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
    """An item to create or replace; without images, or without attributes (None), it keeps those that it has.

    To `merge` is to change an existing item: its other attributes stay, and those that are missing (None) are removed.
    """

    id: str
    images: Sequence[bytes] | None  # the first one first, at least one
    attributes: Mapping[str, Value] | None
    merge: bool = False

    @property
    def keeps(self) -> bool:
        """True if something of the item stays as it is."""
        return self.merge or self.images is None or self.attributes is None


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
    gallery.store.check_writable()  # before anything is embedded
    problems: list[Problem | None] = [None] * len(edits)
    vectors = _embedded(edits, encoder, problems, max_pixels)
    gallery.store.require_in_place()  # before an image is stored at a path that may be another gallery's
    images = _stored(edits, gallery.folder, vectors)
    with gallery.transaction() as (view, change):  # an item must not change between its reading and its writing
        _look_up(edits, view)
        change(_changes(edits, view, images, encoder.manifest.space_id, problems))
    return problems


def _look_up(edits: Sequence[Edit], view: GalleryView) -> None:
    """Reads the items that edits name, those of which something is kept with the latest change of any process."""
    rows = view.rows
    rows.look_up([edit.id for edit in edits if isinstance(edit, Put) and edit.keeps], latest=True)
    rows.look_up([edit.id for edit in edits])
    rows.look_up([edit.id for edit in edits if isinstance(edit, Delete) and rows.row(edit.id) is None], latest=True)


def _changes(
    edits: Sequence[Edit],
    view: GalleryView,
    images: Mapping[int, Mapping[str, ImageState]],
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
        if before is None and (isinstance(edit, Delete) or edit.images is None or edit.merge):
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
            change = _upsert(GalleryItem(edit.id, "", attributes), images[number], space_id)
        elif isinstance(edit, Put):
            assert before is not None
            change = replace(before, item=replace(before.item, attributes=attributes))
        else:
            change = edit
        changes.append(change)
        latest[edit.id] = change if isinstance(change, Upsert) else None
    return changes


def _upsert(item: GalleryItem, images: Mapping[str, ImageState], space_id: str) -> Upsert:
    """The change that gives an item these images, by their addresses."""
    uri, *others = images
    first, *further = images.values()
    placed = replace(item, uri=uri, further=tuple(others))
    return Upsert(placed, first.content, space_id, first.vector, tuple(further))


def _stored(
    edits: Sequence[Edit], folder: Path, vectors: Mapping[int, Sequence[Vector]]
) -> dict[int, dict[str, ImageState]]:
    """The embedded images by their paths, each once, by the number of their edit."""
    stored: dict[int, dict[str, ImageState]] = {}
    for number, of_images in vectors.items():
        edit = edits[number]
        assert isinstance(edit, Put) and edit.images is not None
        images: dict[str, ImageState] = {}
        for image, vector in zip(edit.images, of_images, strict=True):
            content = hashlib.sha256(image).hexdigest()
            images.setdefault(str(uploads.store(folder, image, content)), ImageState(content, vector))
        stored[number] = images
    return stored


def restate(journal: Journal | ReadOnlyJournal, encoder: Encoder, *, max_pixels: int) -> int:
    """Embeds the journal's items of another model again; returns how many could not be, since their images are gone."""
    entries = journal.foreign(encoder.manifest.space_id)
    embedded = 0
    for start in range(0, len(entries), BATCH):  # an end in between leaves the rest for the next time
        upserts = _restated(entries[start : start + BATCH], journal.gallery, encoder, max_pixels)
        if upserts:
            journal.restate(upserts)
        embedded += len(upserts)
    return len(entries) - embedded


def _restated(entries: Sequence[Entry], gallery: Path, encoder: Encoder, max_pixels: int) -> dict[int, Upsert]:
    """The changes of these entries with vectors of this model, by their numbers in the journal."""
    edits: list[Edit] = []
    addresses: list[list[str]] = []  # of the images that can be read
    for entry in entries:
        assert isinstance(entry.change, Upsert)
        item, read = entry.change.item, dict[str, bytes]()
        for uri in item.uris:
            with suppress(InputError):  # an item keeps its other images
                read[uri] = image_bytes.read_image(SourceRow(item.id, uploads.local_uri(gallery, uri), {}))
        edits.append(Put(item.id, list(read.values()), {}) if read else Delete(item.id))
        addresses.append(list(read))
    upserts: dict[int, Upsert] = {}
    problems: list[Problem | None] = [None] * len(entries)
    for number, of_images in _embedded(edits, encoder, problems, max_pixels).items():
        change = entries[number].change
        assert isinstance(change, Upsert)
        contents = dict(zip(change.item.uris, (image.content for image in change.images), strict=True))
        states = {
            uri: ImageState(contents[uri], vector) for uri, vector in zip(addresses[number], of_images, strict=True)
        }
        upserts[entries[number].seq] = _upsert(change.item, states, encoder.manifest.space_id)
    return upserts


def _embedded(
    edits: Sequence[Edit], encoder: Encoder, problems: list[Problem | None], max_pixels: int
) -> dict[int, list[Vector]]:
    """The vectors of the images by the number of their edit; `problems` gets those of edits with an unusable image."""
    vectors: dict[int, list[Vector]] = {}
    batch: list[tuple[int, Pixels]] = []  # never more, since a call may have thousands of images

    def embed() -> None:
        if batch:
            embeddings = encoder.gallery(np.stack([pixels for _, pixels in batch]))  # (b, d)
            for (number, _), vector in zip(batch, embeddings, strict=True):
                vectors[number].append(vector.astype(np.float16))
            batch.clear()

    for number, edit in enumerate(edits):
        if isinstance(edit, Put) and edit.images is not None:
            vectors[number] = []
            try:
                for image in edit.images:
                    batch.append((number, encoder.preprocess(image, max_pixels=max_pixels)))
                    if len(batch) == BATCH:
                        embed()
            except InputError as problem:
                problems[number] = problem
    embed()
    vectors = {number: of_images for number, of_images in vectors.items() if problems[number] is None}
    for number, of_images in list(vectors.items()):
        if not np.isfinite(of_images).all():
            problems[number] = InputError(f"the model gives no finite embedding of {edits[number].id!r}")
            del vectors[number]
    return vectors
