"""The one face of a gallery: an opened snapshot and the changes since, searched by embedding."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from index import uploads
from index.items import filters
from index.items.attribute_types import AttributeType
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.phrases.reading import FactReader
from index.search.browsing import BrowsedPage, browsed, mixed
from index.search.deadline import check_any
from index.search.request import SearchRequest, SearchResult
from index.search.rerank import Rescore, no_reranker
from index.search.result_order import MAX_WINDOW
from index.search.search import Search
from index.storage import snapshot
from index.storage.changes import Change, Delete, Entry, ImageState, Upsert
from index.storage.journal import Append, Journal
from index.storage.manifest import SnapshotManifest
from index.storage.open_snapshot import OpenSnapshot
from index.storage.overlay import OverlayState
from index.storage.read_only_journal import ReadOnlyJournal, open_journal
from index.storage.snapshot import Snapshot
from index.storage.view import RowView
from models.arrays import Embeddings, Scores
from models.errors import DeadlineExceeded, InputError, SnapshotOutdated, SpaceMismatch, UnknownItem

AnyJournal: TypeAlias = Journal | ReadOnlyJournal
DEEPEST = 10_000  # offset + k: to rank more takes long, and no person looks at them
ARRANGED = 1_000  # the same if hits are compared with each other: many more rows are looked through for each


@dataclass(frozen=True, slots=True)
class AttributeSpread:
    """An attribute of the items: the number of its different values, and the number of items that have one."""

    name: str
    type: AttributeType
    values: int
    items: int


class Gallery:
    """One opened snapshot with its changes, for many threads. Open it again to see a newer snapshot."""

    def __init__(self, manifest: SnapshotManifest, base: OpenSnapshot, journal: AnyJournal) -> None:
        self.manifest = manifest
        self.journal = journal
        self._base = base
        self._overlay = base.overlay(manifest)
        self.facts = FactReader(base)

    @classmethod
    def open(cls, path: Path, *, space_id: str, journal: AnyJournal | None = None, gpus: bool = False) -> "Gallery":
        """The live snapshot of the gallery at `path`, every file checked, and the changes since, with `gpus` on GPUs.

        Raises GalleryMissing, GalleryBroken, or SpaceMismatch if its vectors are not of the space `space_id`.
        """
        return cls._open(path, snapshot.live(path), space_id, journal, gpus)

    @classmethod
    def salvage(cls, path: Path, *, space_id: str) -> "Gallery":
        """Opens the gallery without the shards that are missing or damaged; every answer names them in a note."""
        live = snapshot.salvaged(path / snapshot.SNAPSHOTS / snapshot.current(path))
        return cls._open(path, live, space_id, None, False)

    @classmethod
    def _open(cls, path: Path, live: Snapshot, space_id: str, journal: AnyJournal | None, gpus: bool) -> "Gallery":
        if live.manifest.space_id != space_id:
            raise SpaceMismatch(
                f"the gallery {path} was built with another model ({live.manifest.model_id}, of space"
                f" {live.manifest.space_id[:12]}; this one is of space {space_id[:12]}): name that model's bundle with"
                f" --bundle, or rebuild with `likebut index build {live.manifest.source or 'SOURCE'} --gallery"
                f" {path}"
                " --bundle BUNDLE`"
            )
        gallery = cls(live.manifest, OpenSnapshot.open(live, gpus=gpus), journal or open_journal(path))
        gallery._catch_up()  # so that a damaged journal is noticed now and not by a search
        return gallery

    @property
    def missing(self) -> Sequence[str]:
        """The shards that could not be read."""
        return self._base.missing

    @property
    def changes(self) -> int:
        """The number of changes since the snapshot."""
        return self._overlay.state.through - self.manifest.through

    def view(self) -> "GalleryView":
        """All items as of now, with every change that any process acknowledged before."""
        state = self._overlay.state
        if self.journal.acknowledged() > state.through:
            state = self._catch_up()
        return self._view(state)

    def _view(self, state: OverlayState) -> "GalleryView":
        return GalleryView(self.manifest, self.journal.gallery, RowView(self._base, state))

    def _catch_up(self) -> OverlayState:
        """The items after every change that the journal has; raises GalleryBroken if one of them is lost."""
        through = self._overlay.state.through
        return self._overlay.apply(self._without_foreign(entry) for entry in self.journal.since(through))

    def _without_foreign(self, entry: Entry) -> Entry:
        """Hides an item whose vector is of another space until `edits.restate` has embedded it again."""
        foreign = isinstance(entry.change, Upsert) and entry.change.space_id != self.manifest.space_id
        return Entry(entry.seq, Delete(entry.change.id)) if foreign else entry

    def change(self, changes: Sequence[Change]) -> int:
        """Puts and deletes items; when it returns they are on the disk, and every later view includes them.

        Returns the journal's number of the last change. Raises as Journal.append does, and SpaceMismatch for a vector
        of another space; then nothing has changed.
        """
        with self.transaction() as (_, change):
            return change(changes)

    @contextmanager
    def transaction(self) -> Iterator[tuple["GalleryView", Append]]:
        """Yields the items as of now and a function as `change`; until the end nothing else changes an item.

        Keep it short: other processes wait for it. Raises SnapshotOutdated if another snapshot is live.
        """
        with self.journal.transaction() as append:
            live = snapshot.current(self.journal.gallery)
            if live != self.manifest.name:  # an item of this one may be older than the live one's
                raise SnapshotOutdated(f"the snapshot {live} is live, and {self.manifest.name} is open: open it again")
            yield self._view(self._catch_up()), partial(self._change, append)  # with changes not yet acknowledged, too

    def _change(self, append: Append, changes: Sequence[Change]) -> int:
        space_id, dimension = self.manifest.space_id, self.manifest.dimension
        for change in changes:
            if isinstance(change, Upsert) and any(
                (change.space_id, len(image.vector)) != (space_id, dimension) for image in change.images
            ):
                raise SpaceMismatch(
                    f"the vector of the item {change.id!r} is of the space {change.space_id[:12]}, the gallery of"
                    f" {space_id[:12]}: embed it with the gallery's model"
                )
        return append(changes)


@dataclass(frozen=True, slots=True)
class GalleryView:
    """The items of a gallery at one moment; take one view for a request and use it for all of its steps."""

    manifest: SnapshotManifest
    folder: Path
    rows: RowView

    def search(
        self, queries: Embeddings, requests: Sequence[SearchRequest], *, rescore: Rescore = no_reranker
    ) -> list[SearchResult]:
        """The result of each query (B, d) for its request: the best items first, ties in the order of the source.

        Queries with the same filter are searched at once. Items outside the probed lists come after all others. There
        are fewer than k hits only if the gallery has no more, or if a note says how many items were ranked. `rescore`
        computes new scores of the first rows of queries to be re-ranked, once for each filter. A query whose deadline
        passes has no hits, and its result says so. Raises InputError for
        queries of another dimension, values that are not finite, and requests that cannot be met.
        """
        self._check_queries(queries, requests)
        groups: dict[tuple[Filter | None, int | None], list[int]] = {}
        for number, request in enumerate(requests):
            groups.setdefault((request.filter, request.nprobe), []).append(number)
        results: dict[int, SearchResult] = {}
        for (filter, nprobe), numbers in groups.items():
            group_requests = [requests[number] for number in numbers]
            check = check_any([request.deadline for request in group_requests])
            try:
                candidates = self.rows.candidates(filter, check)
            except DeadlineExceeded:
                results |= {number: SearchResult([], 0, is_overdue=True) for number in numbers}
                continue
            search = Search(self.rows, candidates, nprobe)
            group_results = search.results(queries[numbers], group_requests, partial(_rescore, rescore, numbers))
            results |= zip(numbers, group_results, strict=True)
        return [results[number] for number in range(len(requests))]

    def browse(self, request: SearchRequest) -> BrowsedPage:
        """The page of items that a request describes without a query; raises InputError for unknown attributes."""
        self._check_names(request)
        return browsed(self.rows, request, request.deadline.check)

    def attributes(self, check: Callable[[], None]) -> list[AttributeSpread]:
        """The attributes that items have; `check` raises if the work must end."""
        spreads = []
        for name, type in self.rows.types.items():
            check()
            values, items = (0, 0) if type is None else self.rows.spread(name)
            if type is not None and items:
                spreads.append(AttributeSpread(name, type, values, items))
        return spreads

    def sample(self, count: int) -> list[GalleryItem]:
        """The first items of a page that nothing orders."""
        return [self.rows.item(row) for row in mixed(self.rows.living(), start=0, end=count).tolist()]

    def check(self, request: SearchRequest) -> None:
        """Raises InputError for a request that `search` would refuse together with the others of its batch."""
        self._check_numbers(request)
        self._check_names(request)
        if request.group_by is not None:
            self.rows.group_codes(request.group_by)

    def _check_names(self, request: SearchRequest) -> None:
        names = {*request.facets, *([] if request.group_by is None else [request.group_by])}
        names |= set() if request.filter is None else filters.names(request.filter)
        self.rows.check_attributes(names | request.order.names | {*(request.fields or ())})
        for key in request.order.sort:
            if key.attribute is not None and self.rows.types.get(key.attribute) == "list of texts":
                raise InputError(f"the attribute {key.attribute!r} is a list of texts: sort by one with a single value")

    def has_words(self, text: str) -> bool:
        """True if each word of a text is one of the items' words."""
        return self.rows.has_words(text)

    def item(self, id: str) -> GalleryItem:
        """The item of that id, with the present addresses of its images; raises UnknownItem."""
        item = self.rows.item(self._row(id))
        uri, *further = (uploads.local_uri(self.folder, uri) for uri in item.uris)
        return replace(item, uri=uri, further=tuple(further))

    def upsert(self, id: str) -> Upsert | None:
        """The change that would put the item of that id as it is; None if there is none."""
        row = self.rows.row(id)
        if row is None:
            return None
        vectors = self.rows.images(np.array([row])).vectors.astype(np.float16)
        first, *further = (
            ImageState(content, vector) for content, vector in zip(self.rows.contents(row), vectors, strict=True)
        )
        return Upsert(self.rows.item(row), first.content, self.manifest.space_id, first.vector, tuple(further))

    def vector(self, id: str, image: int = 0) -> Embeddings:
        """The embedding (d,) of an image, by its number, of the item of that id; raises UnknownItem."""
        row = np.array([self._row(id)])
        vector: Embeddings = (self.rows.images(row).vectors if image else self.rows.vectors(row))[image]
        return vector

    @property
    def ids(self) -> Sequence[str]:
        """The id of every item, in the order of the source, later ones at the end."""
        return self.rows.ids()

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.rows.row(id) is not None

    def __len__(self) -> int:
        return len(self.rows.overlay.alive) - self.rows.overlay.dead

    def _row(self, id: str) -> int:
        row = self.rows.row(id)
        if row is None:
            raise UnknownItem(f"the gallery has no item {id!r}: search for it, or index it first")
        return row

    def _check_queries(self, queries: Embeddings, requests: Sequence[SearchRequest]) -> None:
        if queries.ndim != 2 or queries.shape[1] != self.manifest.dimension:
            raise InputError(f"the queries have shape {queries.shape}: give (B, {self.manifest.dimension})")
        if not np.isfinite(queries).all():
            raise InputError("a query has values that are not finite: embed it again")
        if len(requests) != len(queries):
            raise InputError(f"there are {len(requests)} requests for {len(queries)} queries: give one for each")
        for request in requests:
            self._check_numbers(request)

    def _check_numbers(self, request: SearchRequest) -> None:
        if request.k < 1:
            raise InputError(f"k is {request.k}: ask for at least one hit")
        if request.offset < 0 or request.offset + request.k > DEEPEST:
            raise InputError(f"offset + k is {request.offset + request.k}: ask for the first {DEEPEST} hits")
        if request.offset + request.k > ARRANGED and (request.group_by is not None or request.alike is not None):
            raise InputError(
                f"offset + k is {request.offset + request.k}: with group_by or max_similarity, ask for the first"
                f" {ARRANGED} hits"
            )
        if not 1 <= request.order.window <= MAX_WINDOW:
            raise InputError(f"window is {request.order.window}: choose 1 to {MAX_WINDOW}")
        if request.nprobe is not None and not 1 <= request.nprobe <= self.manifest.nlist:
            raise InputError(f"nprobe is {request.nprobe}: choose 1 to {self.manifest.nlist}, or leave it out")
        if not 0 <= request.lexical_weight <= 1:
            raise InputError(f"lexical_weight is {request.lexical_weight}: give a number from 0 to 1")
        if request.alike is not None and not 0 < request.alike <= 1:
            raise InputError(f"alike is {request.alike}: give a cosine above 0, up to 1")


def _rescore(rescore: Rescore, numbers: Sequence[int], group: Sequence[int], vectors: Embeddings) -> Scores:
    """New scores for some queries of a group; `numbers` are the group's positions among all queries."""
    return rescore([numbers[position] for position in group], vectors)
