"""The one face of a gallery: an opened snapshot and the changes since, searched by embedding."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from index.items import filters
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.search.request import SearchRequest, SearchResult
from index.search.rerank import Rescore, no_reranker
from index.search.search import Search
from index.storage import snapshot
from index.storage.changes import Change, Delete, Entry, Upsert
from index.storage.journal import Journal, ReadOnlyJournal, open_journal
from index.storage.manifest import SnapshotManifest
from index.storage.overlay import Overlay
from index.storage.snapshot import Snapshot
from index.storage.view import GalleryView, OpenSnapshot
from models.arrays import Embeddings, Scores
from models.errors import InputError, SpaceMismatch, UnknownItem

DEEPEST = 10_000  # offset + k: to rank more takes long, and nobody looks at them


class Gallery:
    """One opened snapshot with its changes; safe to search from many threads. Open again to see a newer snapshot."""

    def __init__(self, manifest: SnapshotManifest, base: OpenSnapshot, journal: Journal | ReadOnlyJournal) -> None:
        self.manifest = manifest
        self._base = base
        self.journal = journal
        self._delta = Overlay(base.items.rows, dimension=manifest.dimension, through=manifest.through)
        self._space = (manifest.space_id, manifest.dimension)

    @classmethod
    def open(cls, path: Path, *, space_id: str, journal: Journal | ReadOnlyJournal | None = None) -> "Gallery":
        """The live snapshot of the gallery at `path`, every file checked, and the changes since.

        Raises GalleryMissing, GalleryBroken, or SpaceMismatch where its vectors are not of the space asked for.
        """
        return cls._of(path, snapshot.live(path), space_id, journal)

    @classmethod
    def salvage(cls, path: Path, *, space_id: str) -> "Gallery":
        """As `open`, but without the shards that are gone or damaged: what is left is better than nothing.

        Every answer that lacks them says so.
        """
        live = snapshot.salvaged(path / snapshot.SNAPSHOTS / snapshot.current(path))
        return cls._of(path, live, space_id, None)

    @classmethod
    def _of(cls, path: Path, live: Snapshot, space_id: str, journal: Journal | ReadOnlyJournal | None) -> "Gallery":
        if live.manifest.space_id != space_id:
            raise SpaceMismatch(
                f"the gallery {path} was made by another model ({live.manifest.model_id}, of space"
                f" {live.manifest.space_id[:12]}; asked for {space_id[:12]}): name that model's bundle with --bundle,"
                f" or rebuild with `likebut index build {live.manifest.source} --gallery {path} --bundle BUNDLE`"
            )
        made = cls(live.manifest, OpenSnapshot.open(live), journal or open_journal(path))
        made.contents()  # what is damaged in the journal is found now, not by a search
        return made

    @property
    def missing(self) -> Sequence[str]:
        """The shards that could not be read."""
        return self._base.missing

    @property
    def changes(self) -> int:
        """How many changes there are since the snapshot."""
        return self._delta.view.through - self.manifest.through

    def contents(self) -> GalleryView:
        """All items as of now: whatever any process acknowledged before is there."""
        view = self._delta.view
        if self.journal.last() > view.through:
            view = self._delta.apply(self._ours(entry) for entry in self.journal.since(view.through))
        return GalleryView(self._base, view)

    def _ours(self, entry: Entry) -> Entry:
        """An item whose vector is of another space cannot be found until `put.restate` has embedded it again."""
        foreign = isinstance(entry.change, Upsert) and entry.change.space_id != self.manifest.space_id
        return Entry(entry.seq, Delete(entry.change.id)) if foreign else entry

    def change(self, changes: Sequence[Change]) -> int:
        """Puts and deletes items; when it returns they are on the disk, and every later search knows them.

        Gives the journal's number of the last. Raises as Journal.append does, and SpaceMismatch for a vector of
        another space; then nothing has changed.
        """
        for change in changes:
            if isinstance(change, Upsert) and (change.space_id, len(change.vector)) != self._space:
                raise SpaceMismatch(
                    f"the vector of the item {change.id!r} is of the space {change.space_id[:12]}, the gallery of"
                    f" {self.manifest.space_id[:12]}: embed it with the gallery's model"
                )
        return self.journal.append(changes)

    def search(
        self, queries: Embeddings, wants: Sequence[SearchRequest], *, rescore: Rescore = no_reranker
    ) -> list[SearchResult]:
        """What each query (B, d) finds of what it wants: its best items, best first, ties in the order of the source.

        Queries that want the same filter are searched at once. What the probed lists do not hold comes after all that
        they do. There are fewer than k hits only where the gallery has no more, or where a note says how many were
        looked through. `rescore` gives new scores of the first rows of the queries that want to be re-ranked, once for
        each filter. Raises InputError for queries of another dimension, values that are not finite, and wants that
        cannot be met.
        """
        self._check(queries, wants)
        contents = self.contents()
        groups: dict[tuple[Filter | None, int | None], list[int]] = {}
        for number, want in enumerate(wants):
            groups.setdefault((want.filter, want.nprobe), []).append(number)
        found: dict[int, SearchResult] = {}
        for (filter, nprobe), numbers in groups.items():
            search = Search(contents, contents.picked(filter), nprobe)
            these = partial(_of_all, rescore, numbers)
            answers = search.found(queries[numbers], [wants[number] for number in numbers], these)
            found |= zip(numbers, answers, strict=True)
        return [found[number] for number in range(len(wants))]

    def check(self, want: SearchRequest) -> None:
        """Raises InputError for what `search` would refuse, so that it need not refuse others with it."""
        self._check_numbers(want)
        names = {*want.facets, *([] if want.group_by is None else [want.group_by])}
        names |= set() if want.filter is None else filters.names(want.filter)
        if names:
            self.contents().check(names)

    def item(self, id: str) -> GalleryItem:
        """The item of that id, its picture where it lies now; raises UnknownItem."""
        contents = self.contents()
        item = contents.item(self._row(contents, id))
        return replace(item, uri=snapshot.local_uri(self.journal.gallery, item.uri))

    def upsert(self, id: str) -> Upsert | None:
        """The change that would put the item of that id as it is; None where there is none."""
        contents = self.contents()
        row = contents.view.row(id)
        if row is None:
            return None
        (vector,) = contents.vectors(np.array([row])).astype(np.float16)
        return Upsert(contents.item(row), contents.content(row), self.manifest.space_id, vector)

    def vector(self, id: str) -> Embeddings:
        """The embedding (d,) of the item of that id; raises UnknownItem."""
        contents = self.contents()
        unit: Embeddings = contents.vectors(np.array([self._row(contents, id)]))[0]
        return unit

    @property
    def ids(self) -> Sequence[str]:
        """Every item's id, in the order of the source, those that were put since at the end."""
        return self.contents().ids()

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.contents().view.row(id) is not None

    def __len__(self) -> int:
        view = self.contents().view
        return len(view.alive) - view.dead

    def _row(self, contents: GalleryView, id: str) -> int:
        row = contents.view.row(id)
        if row is None:
            raise UnknownItem(f"the gallery has no item {id!r}: search for it, or index it first")
        return row

    def _check(self, queries: Embeddings, wants: Sequence[SearchRequest]) -> None:
        """Raises InputError for what cannot be searched."""
        if queries.ndim != 2 or queries.shape[1] != self.manifest.dimension:
            raise InputError(f"the queries have shape {queries.shape}: give (B, {self.manifest.dimension})")
        if not np.isfinite(queries).all():
            raise InputError("a query has values that are not finite: embed it again")
        if len(wants) != len(queries):
            raise InputError(f"there are {len(wants)} wants for {len(queries)} queries: give one for each")
        for want in wants:
            self._check_numbers(want)

    def _check_numbers(self, want: SearchRequest) -> None:
        if want.k < 1:
            raise InputError(f"k is {want.k}: ask for at least one hit")
        if want.offset < 0 or want.offset + want.k > DEEPEST:
            raise InputError(f"offset + k is {want.offset + want.k}: ask for the first {DEEPEST} hits")
        if want.nprobe is not None and not 1 <= want.nprobe <= self.manifest.nlist:
            raise InputError(f"nprobe is {want.nprobe}: choose 1 to {self.manifest.nlist}, or leave it out")
        if want.alike is not None and not 0 < want.alike <= 1:
            raise InputError(f"alike is {want.alike}: give a cosine above 0, up to 1")


def _of_all(rescore: Rescore, numbers: Sequence[int], some: Sequence[int], vectors: Embeddings) -> Scores:
    """Scores of `some` of the queries that have these `numbers` among all."""
    return rescore([numbers[number] for number in some], vectors)
