"""A gallery's items at one moment: searched by embedding, browsed, listed and looked up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from index import uploads
from index.items import filters
from index.items.attribute_types import AttributeType
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.search.browsing import BrowsedPage, browsed
from index.search.deadline import Deadline, check_any
from index.search.request import SearchRequest, SearchResult
from index.search.rerank import Rescore, no_reranker
from index.search.result_order import MAX_WINDOW
from index.search.search import Search
from index.search.suggestions import Suggestion, Suggestions
from index.storage.changes import ImageState, Upsert
from index.storage.contents import Contents
from index.storage.manifest import SnapshotManifest
from index.storage.view import RowView
from models.arrays import Embeddings, Scores
from models.errors import DeadlineExceeded, InputError, UnknownItem

DEEPEST = 10_000  # offset + k: to rank more takes long, and no person looks at them
ARRANGED = 1_000  # the same if hits are compared with each other: many more rows are looked through for each


@dataclass(frozen=True, slots=True)
class AttributeSpread:
    """An attribute of the items: the number of its different values, and the number of items that have one."""

    name: str
    type: AttributeType
    values: int
    items: int


@dataclass(frozen=True, slots=True)
class GalleryView:
    """The items of a gallery at one moment; take one view for a request and use it for all of its steps."""

    manifest: SnapshotManifest
    folder: Path
    rows: Contents

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
        return [self.rows.item(row) for row in self.rows.sample(count).tolist()]

    def suggestions(self, text: str, *, limit: int, deadline: Deadline) -> list[Suggestion]:
        """The best completions of a text that is typed; raises InputError if the gallery has no index of words."""
        if not isinstance(self.rows, RowView):
            raise InputError("this gallery has no index of words: suggestions need a gallery in a folder")
        return Suggestions(self.rows, deadline).best(text, limit=limit)

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
        vectors = self.rows.image_vectors(row).astype(np.float16)
        first, *further = (
            ImageState(content, vector) for content, vector in zip(self.rows.contents(row), vectors, strict=True)
        )
        return Upsert(self.rows.item(row), first.content, self.manifest.space_id, first.vector, tuple(further))

    def vector(self, id: str, image: int = 0) -> Embeddings:
        """The embedding (d,) of an image, by its number, of the item of that id; raises UnknownItem."""
        row = self._row(id)
        vector: Embeddings = (self.rows.image_vectors(row) if image else self.rows.vectors(np.array([row])))[image]
        return vector

    @property
    def ids(self) -> Sequence[str]:
        """The id of every item, in the order of the source, later ones at the end."""
        return self.rows.ids()

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.rows.row(id) is not None

    def __len__(self) -> int:
        return self.rows.count

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
