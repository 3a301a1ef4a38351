"""The one face of a gallery: an opened, immutable snapshot, searched by embedding."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index import snapshot
from index.items import Item, Items
from index.manifest import SnapshotManifest
from index.shards import Shards
from index.snapshot import Snapshot
from models.arrays import Embeddings
from models.errors import GalleryBroken, InputError, SpaceMismatch, UnknownItem


@dataclass(frozen=True, slots=True)
class Hit:
    """An item found, with its cosine similarity to the query."""

    item: Item
    score: float


class Gallery:
    """One opened snapshot; safe to search from many threads, and never changed: open again to see a newer one."""

    def __init__(self, manifest: SnapshotManifest, items: Items, shards: Shards) -> None:
        self.manifest = manifest
        self._items = items
        self._shards = shards

    @classmethod
    def open(cls, path: Path, *, space_id: str) -> "Gallery":
        """The live snapshot of the gallery at `path`, every file checked.

        Raises GalleryMissing, GalleryBroken, or SpaceMismatch where its vectors are not of the space asked for.
        """
        live = snapshot.live(path)
        if live.manifest.space_id != space_id:
            raise SpaceMismatch(
                f"the gallery {path} was made by another model ({live.manifest.model_id}, of space"
                f" {live.manifest.space_id[:12]}; asked for {space_id[:12]}): name that model's bundle with --bundle,"
                f" or rebuild with `likebut index build {live.manifest.source} --gallery {path} --bundle BUNDLE`"
            )
        return cls.of(live)

    @classmethod
    def of(cls, opened: Snapshot) -> "Gallery":
        """The gallery of a checked snapshot; raises GalleryBroken where its files do not belong together."""
        manifest = opened.manifest
        items = Items.open(opened.path / snapshot.ITEMS)
        try:
            vectors = np.load(opened.path / snapshot.VECTORS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            file = opened.path / snapshot.VECTORS
            raise GalleryBroken(f"{file} is not an array ({error}): roll back or rebuild the gallery") from error
        shards = Shards.open(opened.shards)
        agree = (
            len(items) == len(items.rows) == shards.count == manifest.count
            and vectors.shape == (manifest.count, manifest.dimension)
            and vectors.dtype == np.float16
            and (shards.dimension, shards.nlist) == (manifest.dimension, manifest.nlist)
        )
        if not agree:
            raise GalleryBroken(f"the files of {opened.path} do not belong together: roll back or rebuild the gallery")
        return cls(manifest, items, shards)

    def search(self, queries: Embeddings, *, k: int, exclude: Sequence[Collection[str]] = ()) -> list[list[Hit]]:
        """For each query (B, d) its k best items, best first, ties in the order of the source.

        `exclude` names for each query the ids it must not find. There are fewer than k hits only where the gallery
        has no more. Raises InputError for queries of another dimension or with values that are not finite.
        """
        if k < 1:
            raise InputError(f"k is {k}: ask for at least one hit")
        if queries.ndim != 2 or queries.shape[1] != self.manifest.dimension:
            raise InputError(f"the queries have shape {queries.shape}: give (B, {self.manifest.dimension})")
        if not np.isfinite(queries).all():
            raise InputError("a query has values that are not finite: embed it again")
        if exclude and len(exclude) != len(queries):
            raise InputError(f"exclude is for {len(exclude)} of {len(queries)} queries: give one collection for each")
        if not len(queries):
            return []
        rows_of = self._items.rows
        unwanted = [{rows_of[id] for id in ids if id in rows_of} for ids in exclude] or [set()] * len(queries)
        # so many more that k remain when the unwanted are dropped
        scores, rows = self._shards.search_all(queries, k + max(map(len, unwanted)), self.manifest.nprobe)
        return [
            [
                Hit(self._items.at(row), score)
                for row, score in zip(found.tolist(), values.tolist(), strict=True)
                if row >= 0 and row not in dropped
            ][:k]
            for found, values, dropped in zip(rows, scores, unwanted, strict=True)
        ]

    def item(self, id: str) -> Item:
        """The item of that id; raises UnknownItem."""
        row = self._items.rows.get(id)
        if row is None:
            raise UnknownItem(f"the gallery has no item {id!r}: search for it, or index it first")
        return self._items.at(row)

    @property
    def ids(self) -> Sequence[str]:
        """Every item's id, in the order of the source."""
        return self._items.ids

    def __contains__(self, id: object) -> bool:
        return id in self._items

    def __len__(self) -> int:
        return len(self._items)
