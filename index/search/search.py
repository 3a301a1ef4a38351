"""One search of a gallery's rows: as many rows ranked as each request needs, and no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from index.search.facet_counts import FacetCounts
from index.search.fusion import Fusion
from index.search.request import DEEPER, SAME, Hit, SearchRequest, SearchResult
from index.search.rerank import Rescore, joined, no_reranker, rerank, rows_to_rerank
from index.search.result_order import with_fields
from index.search.result_rules import NO_ROWS, PLAIN, Arrangement, ResultRules
from index.storage.contents import Candidates, Contents
from index.vectors.exact import DECIMALS, inner_products
from models.arrays import Embeddings, Flags, Rows, Scores
from models.errors import DeadlineExceeded

RANKED = 16_384  # its end: to look through a million rows for a thirteenth group of twelve takes seconds
SHALLOW = 256  # rows up to which all queries of a batch are ranked at once: a deeper one must not slow the others


@dataclass(slots=True)
class _BatchedQuery:
    """A query of a batch, and its ranking so far."""

    number: int  # in the batch
    request: SearchRequest
    needed: int  # hits of its ranking
    rules: ResultRules
    arrangement: Arrangement
    depth: int  # rows to rank next
    most: int  # rows to rank at most
    scores: Scores | None = None  # (m,)
    rows: Rows = field(default_factory=lambda: NO_ROWS)  # (m,), the ranking by vectors
    fusion: Fusion | None = None  # if rows match the text by words
    ranking: Rows = field(default_factory=lambda: NO_ROWS)  # (n,), with these at their places
    first: Rows = field(default_factory=lambda: NO_ROWS)  # re-ranked, in front of the others
    groups: int | None = None  # hits that there can be if each group has one
    is_cut: bool = False  # the ranking ended before there were enough hits
    ordered: list[int] | None = None  # the hits, if the request has an order of its own
    matches: int | None = None  # of these, if it has a least score
    overdue: bool = False  # its deadline was over when it was last looked at

    def is_overdue(self) -> bool:
        self.overdue = self.overdue or self.request.deadline.is_over
        return self.overdue


@dataclass(frozen=True, slots=True)
class Search:
    """The rows to search and how, for queries that share a filter."""

    rows: Contents
    candidates: Candidates
    nprobe: int | None

    def results(
        self, queries: Embeddings, requests: Sequence[SearchRequest], rescore: Rescore = no_reranker
    ) -> list[SearchResult]:
        """The result of each query (B, d); `rescore` is called if a request has its first rows re-ranked.

        The same rows are re-ranked for every page of an answer, so that its pages fit together. A query whose deadline
        passes between two steps is left, and its result says so; the others are not affected. A search of one step is
        finished in any case.
        """
        batch = self._batch(requests)
        for query in batch:
            if query.request.text and query.request.lexical_weight:
                query.fusion = Fusion.match(self.rows, self.candidates, query.request, queries[query.number])
        waiting = batch
        while waiting:
            depth = min(query.depth for query in waiting)
            now = [query for query in waiting if query.depth == depth]
            deeper = [query for query in waiting if query.depth > depth]
            self._rank(now, queries, depth, rescore)
            waiting = [*deeper, *(query for query in now if self._needs_more(query) and not query.is_overdue())]
        for query in batch:
            if not query.request.order.is_plain and not query.is_overdue():
                self._order(queries[query.number], query)
        counts = self._counts(batch)
        diagnostics = self.candidates.diagnostics(self.nprobe)
        return [
            SearchResult(
                self._hits(queries[query.number], query),
                self.candidates.total,
                self._notes(query),
                [
                    *_rerank_diagnostics(query.first),
                    *query.request.cut_short(len(query.arrangement)),
                    *diagnostics,
                ],
                counts[query.number].facets(query.request) if query.number in counts else {},
                counts[query.number].ranges(query.request) if query.number in counts else {},
                query.matches,
            )
            if not query.overdue
            else SearchResult([], self.candidates.total, is_overdue=True)
            for query in batch
        ]

    def _counts(self, batch: Sequence[_BatchedQuery]) -> dict[int, FacetCounts]:
        """The counts of facets of each query that requests some, by its number."""
        counted = [query for query in batch if query.request.facets]
        counts: dict[int, FacetCounts] = {}
        if counted:
            shared = FacetCounts(self.rows, self.candidates.tally(), [query.request for query in counted])
        for query in counted:
            facets = shared
            if query.request.order.is_counted and query.ordered is not None:
                facets = FacetCounts(self.rows, self.rows.tally_of(query.ordered), [query.request])
            counts[query.number] = facets
            for name in query.request.facets:
                if not query.is_overdue():
                    facets.count(name)
        return counts

    def _batch(self, requests: Sequence[SearchRequest]) -> list[_BatchedQuery]:
        total = max(1, self.candidates.at_most)  # the total may still be counted while a search begins
        depths = [request.depth for request in requests]
        shallow = max((depth for depth in depths if depth <= SHALLOW), default=0)
        batch = []
        for number, (request, depth) in enumerate(zip(requests, depths, strict=True)):
            rules = self._rules(request)
            needed, depth = request.reach, max(depth, shallow)
            first, most = min(depth, total), min(max(depth, RANKED), total)
            batch.append(_BatchedQuery(number, request, needed, rules, Arrangement(rules, count=needed), first, most))
        return batch

    def _rank(self, now: Sequence[_BatchedQuery], queries: Embeddings, depth: int, rescore: Rescore) -> None:
        """Ranks the first `depth` rows of some of the queries (B, d), and reads the hits from them."""
        numbers = [query.number for query in now]
        some = queries if len(now) == len(queries) else queries[numbers]
        scores, rows = self.candidates.ranked(some, depth, nprobe=self.nprobe)
        new = [query for query in now if query.scores is None]  # a deeper ranking begins with the same rows
        for position, query in enumerate(now):
            query.scores, query.rows = scores[position], rows[position]
            query.ranking = query.rows
            if query.fusion is not None:
                query.ranking = query.fusion.ranking(query.rows, query.scores, depth, total=self.candidates.total)
        if any(query.request.rerank for query in new):
            self._rerank(new, queries, rescore)
        for query in now:
            try:
                query.arrangement.extend(joined(query.first, query.ranking), query.request.deadline.check)
            except DeadlineExceeded:
                query.overdue = True

    def _rerank(self, queries: Sequence[_BatchedQuery], vectors: Embeddings, rescore: Rescore) -> None:
        """Puts the first rows of each ranking in the order of their new scores, as many as its request says.

        `vectors` (B, d) are those of all queries of the batch.
        """

        def numbered(positions: Sequence[int], candidates: Embeddings) -> Scores:
            return rescore([queries[position].number for position in positions], candidates)

        firsts = [rows_to_rerank(query.ranking, query.request, query.rules) for query in queries]

        def nearest(position: int, rows: Rows) -> Embeddings:
            return self.rows.nearest_vectors(vectors[queries[position].number], rows)

        for query, first in zip(queries, rerank(firsts, vectors=nearest, rescore=numbered), strict=True):
            query.first = first

    def _needs_more(self, query: _BatchedQuery) -> bool:
        """True if a deeper ranking may have more hits, and its depth is set."""
        count = len(query.arrangement)
        if count >= query.needed or query.overdue or self._is_complete(query, count):
            return False
        depth = query.depth
        if len(query.rows) < depth or query.rows[depth - 1] < 0:  # earlier if a shard is missing
            return False
        if depth >= query.most:
            query.is_cut = depth < self.candidates.total
            return False
        query.depth = min(depth * DEEPER, query.most)
        return True

    def _is_complete(self, query: _BatchedQuery, count: int) -> bool:
        """True if each value of the attribute to group by has its hit, so that no more can follow."""
        request = query.request
        if request.group_by is None:
            return False
        if query.groups is None:
            without = self._excluded(request)
            query.groups = self.candidates.group_count(request.group_by, without=without)
        return count >= query.groups

    def _order(self, vector: Embeddings, query: _BatchedQuery) -> None:
        """Arranges the hits of a query (d,) as its request says; pinned ones stay in front."""
        assert query.scores is not None
        order, ranked = query.request.order, query.arrangement.rows
        scores = dict(zip(query.rows.tolist(), query.scores.tolist(), strict=True))
        scores |= {row: self.rows.score(vector, row) for row in ranked if row not in scores}
        front = [row for row in ranked if row in query.rules.pinned]
        others = [row for row in ranked if row not in query.rules.pinned]
        try:
            certain = () if query.fusion is None else query.fusion.certain(query.request.certain_strength)
            query.ordered = front + order.arrange(others, scores, certain, self.rows, query.request.deadline.check)
            query.matches = None if order.min_score is None else len(query.ordered)
        except DeadlineExceeded:
            query.overdue = True

    def _hits(self, vector: Embeddings, query: _BatchedQuery) -> list[Hit]:
        """The items of rows with their scores for a query (d,); pinned rows beyond the ranking are scored here."""
        assert query.scores is not None
        rows, request = self.rows, query.request
        hits = query.arrangement.rows if query.ordered is None else query.ordered
        page = hits[request.offset : request.offset + request.k]
        images = rows.nearest_images(vector, page)
        known = dict(zip(query.rows.tolist(), query.scores.tolist(), strict=True))
        fused = {} if query.fusion is None else query.fusion.scores()
        known |= fused
        return [
            Hit(
                rows.item(row) if request.fields is None else with_fields(rows.item(row), request.fields),
                known[row] if row in known else rows.score(vector, row),
                rows.matched(request.text, row) if row in fused else (),
                image,
            )
            for row, image in zip(page, images, strict=True)
        ]

    def _rules(self, request: SearchRequest) -> ResultRules:
        if request.plain:
            return PLAIN
        rows = self.rows
        pinned = [row for id in request.pinned if (row := rows.row(id)) is not None]
        if pinned:
            pinned = [row for row, flag in zip(pinned, self.candidates.mask(np.array(pinned)), strict=True) if flag]
        return ResultRules(
            pinned=pinned,
            dropped=self._excluded(request),
            unwanted=self._unwanted(request),
            groups=None if request.group_by is None else rows.group_codes(request.group_by),
            alike=request.alike,
            vectors=rows.vectors,
        )

    def _excluded(self, request: SearchRequest) -> list[int]:
        return [row for id in request.exclude if (row := self.rows.row(id)) is not None]

    def _unwanted(self, request: SearchRequest) -> Callable[[Rows], Flags] | None:
        """A function that tells of rows (m,) whether their image is a reference, or looks the same."""
        view, contents = self.rows, request.contents
        references = [row for id in request.references if (row := view.row(id)) is not None]
        if not references and not contents:
            return None
        vectors = view.vectors(np.array(references)) if references else None  # (r, d)

        def unwanted(rows: Rows) -> Flags:
            flags = np.isin(rows, references)
            if vectors is not None:
                cosines = inner_products(vectors, view.vectors(rows)).round(DECIMALS)  # (r, m)
                flags |= (cosines >= SAME).any(axis=0)
            for content in contents:
                flags |= view.has_content(rows, content)
            return flags

        return unwanted

    def _notes(self, query: _BatchedQuery) -> list[str]:
        """Remarks on the hits for the caller."""
        notes = [*self.candidates.notes()]
        if query.matches == 0:
            notes.append("no item matches well enough")
        if query.is_cut:
            notes.append(f"only the best {query.depth} of {self.candidates.total} items were looked through")
        return notes


def _rerank_diagnostics(first: Rows) -> list[str]:
    return [f"the first {len(first)} of the ranking were re-ranked"] if len(first) else []
