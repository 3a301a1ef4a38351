"""An opened snapshot: items, vectors, shards and words, with the rows that the latest filters let through."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from threading import Lock

import numpy as np
from cachetools import LRUCache

from index.items import attribute_file, filters
from index.items.filters import Filter
from index.items.further_images import FurtherImages
from index.items.items import ItemTable
from index.lexical.lexical_index import LexicalIndex
from index.storage import snapshot
from index.storage.changes import ImageState
from index.storage.manifest import SnapshotManifest
from index.storage.overlay import Overlay
from index.storage.snapshot import Snapshot
from index.vectors.exact import Exact
from index.vectors.further_rows import FurtherRows
from index.vectors.ranking import Ranking
from index.vectors.selection import Selection
from index.vectors.shards import Shards
from models.bundle import KNOWN_IMAGES, KnownImages
from models.errors import GalleryBroken

CACHE_BYTES = 64 * 2**20  # for the rows of the latest filters
FILTER_BYTES = 16  # memory of a parsed filter for each character of its text, about
ENTRY_BYTES = 2_048  # of the Python objects of a cached selection, about
NARROWED_AFTER = 3  # searches with a filter, from which it pays to copy the codes of its rows
NARROWED_BYTES = 7 * CACHE_BYTES // 8  # of these codes at most


class OpenSnapshot:
    """An opened snapshot, with a cache of the rows that the latest filters let through."""

    def __init__(
        self,
        items: ItemTable,
        ranking: Ranking,
        missing: Sequence[str] = (),
        lexical: LexicalIndex | None = None,
        known_images: KnownImages | None = None,
    ) -> None:
        """`missing` names the shards that are not in the ranking; `known_images` are those of the model."""
        self.items = items
        self.known_images = known_images
        self.lexical = lexical
        self.ranking = ranking
        self.missing = missing
        self._selections: LRUCache[Filter, _CachedSelection] = LRUCache(CACHE_BYTES, attrgetter("size"))
        self._lock = Lock()

    @classmethod
    def open(cls, opened: Snapshot, *, gpus: bool = False) -> "OpenSnapshot":
        """Open a checked snapshot, with `gpus` on GPUs; raises GalleryBroken if its files do not belong together."""
        manifest, path = opened.manifest, opened.path
        former = snapshot.attribute_files(path.parents[1])  # after a roll-back, an attribute of a newer one stays known
        attributes = attribute_file.read(path / snapshot.ATTRIBUTES, former=former)
        further = None if manifest.images is None else FurtherImages.open(path / snapshot.FURTHER)
        items = ItemTable.open(path / snapshot.ITEMS, attributes, further)
        rows = None if further is None else FurtherRows(manifest.count, further.owners)
        exact = Exact.open(path / snapshot.VECTORS, path / snapshot.SCALES, rows)
        shards = Shards.open(opened.shards, encoding=manifest.encoding, gpus=gpus)
        lexical = LexicalIndex.load(path / snapshot.LEXICAL, manifest.lexical, items)
        agree = (
            (lexical is None or lexical.count == len(items))
            and len(items) == len(items.rows) == len(items.attributes) == len(exact) == manifest.count
            and len(exact.vectors) == manifest.count + (manifest.images or 0)
            and (further is None or (len(further) == manifest.images and further.owners[-1] < manifest.count))
            and shards.count == sum(shard.count for shard in manifest.shards if shard.file not in opened.missing)
            and exact.vectors.shape[1] == shards.dimension == manifest.dimension
            and shards.nlist == manifest.nlist
        )
        if not agree:
            raise GalleryBroken(f"the files of {path} do not belong together: roll back or rebuild the gallery")
        ranking = Ranking(shards, exact, manifest.nprobe, manifest.margin, manifest.reach)
        return cls(items, ranking, opened.missing, lexical, _known_images(opened))

    def overlay(self, manifest: SnapshotManifest) -> Overlay:
        """An overlay for the changes since, with none yet."""
        lexical = None if self.lexical is None else self.lexical.names
        return Overlay(
            self.items.rows,
            self.items.attributes.types,
            dimension=manifest.dimension,
            through=manifest.through,
            lexical=lexical,
        )

    def states(self, row: int) -> tuple[ImageState, ...]:
        """The content and the stored vector (d,) of each image of that row's item."""
        exact, further = self.ranking.exact, self.items.further_images(row)
        contents = [self.items.content(row), *(image.content for image in further)]
        rows = [row] if exact.further is None else [row, *exact.further.rows_of(np.array([row]))[0].tolist()]
        return tuple(ImageState(content, exact.vectors[at]) for content, at in zip(contents, rows, strict=True))

    def selection(self, filter: Filter, check: Callable[[], None]) -> Selection:
        """The rows (n,) of the snapshot for which the filter holds, whether they are alive or not."""
        with self._lock:
            cached = self._selections.get(filter)
            if cached is not None:
                cached.searches += 1
                is_due = cached.searches == NARROWED_AFTER  # for one thread, while others search as before
        if cached is None:
            selection = Selection(filters.mask(filter, self.items.attributes, len(self.items), check))
            cached = _CachedSelection(selection, self._bytes(filter, selection))
        elif is_due:
            self.ranking.narrow(cached.selection, NARROWED_BYTES)
            cached = replace(cached, size=self._bytes(filter, cached.selection))
        else:
            return cached.selection
        with self._lock, suppress(ValueError):  # larger than the whole cache
            self._selections[filter] = cached
        return cached.selection

    def _bytes(self, filter: Filter, selection: Selection) -> int:
        """About how much memory a cached selection takes, with its rows if a search needs them."""
        rows = 8 * selection.count if self.ranking.scans(selection) else 0
        exact = self.ranking.exact
        further = 0 if exact.further is None else len(exact.vectors)  # its mask with the further images, and bits
        return selection.nbytes + 2 * further + rows + ENTRY_BYTES + FILTER_BYTES * len(repr(filter))


def _known_images(opened: Snapshot) -> KnownImages | None:
    """The images that the snapshot's model knows; None if its bundle did not say."""
    if all(entry.file != KNOWN_IMAGES for entry in opened.manifest.files):
        return None
    try:
        return KnownImages.read(opened.path / KNOWN_IMAGES, dimension=opened.manifest.dimension)
    except ValueError as error:
        path = opened.path / KNOWN_IMAGES
        raise GalleryBroken(f"{path} cannot be read ({error}): roll back or rebuild the gallery") from error


@dataclass(slots=True)
class _CachedSelection:
    """The rows that a filter lets through, their size in bytes, and the number of searches that used them."""

    selection: Selection
    size: int
    searches: int = 1
