"""One search of a gallery's rows: as many rows ranked as the request needs, and no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from index.search.request import SAME, Hit, SearchRequest, SearchResult
from index.search.rerank import Rescore, no_reranker, rerank
from index.search.result_rules import PLAIN, ResultRules, apply_rules
from index.storage.view import Candidates, RowView
from models.arrays import Embeddings, Rows, Scores

AHEAD = 8  # more rows are ranked than requested, so that few searches have to be ranked again
DEEPER = 4  # factor by which the ranking grows if the rules left too few rows
RANKED = 16_384  # its end: to look through a million rows for a thirteenth group of twelve takes seconds


@dataclass(frozen=True, slots=True)
class Search:
    """The rows to search and how, for queries that share a filter."""

    rows: RowView
    candidates: Candidates
    nprobe: int | None

    def results(
        self, queries: Embeddings, requests: Sequence[SearchRequest], rescore: Rescore = no_reranker
    ) -> list[SearchResult]:
        """The result of each query (B, d); `rescore` is called if a request has its first rows re-ranked.

        The same rows are re-ranked for every page of an answer, so that its pages fit together.
        """
        rules = [self._rules(request) for request in requests]
        depth = max(_depth(request) for request in requests)
        total, most = self.candidates.total, max(depth, RANKED)
        firsts: list[Rows] = []
        while True:
            depth = min(depth, max(1, total))
            scores, rows = self.rows.ranked(queries, depth, self.candidates, nprobe=self.nprobe)
            if not firsts:  # a deeper ranking begins with the same rows
                firsts = self._reranked(rows, requests, rules, rescore)
            arranged = [
                apply_rules(_joined(first, ranking), rule, count=request.offset + request.k)
                for first, ranking, rule, request in zip(firsts, rows, rules, requests, strict=True)
            ]
            short = [
                len(hits) < request.offset + request.k and not self._complete(hits, request)
                for hits, request in zip(arranged, requests, strict=True)
            ]
            ended = rows.shape[1] < depth or bool((rows[:, depth - 1] < 0).all())  # earlier if a shard is missing
            if not any(short) or ended or depth >= min(total, most):
                break
            depth = min(depth * DEEPER, most)
        notes = self._notes()
        cut = [] if ended or depth >= total else [f"only the best {depth} of {total} items were looked through"]
        return [
            SearchResult(
                self._hits(query, hits[request.offset :], ranking, values),
                total,
                [*_rerank_notes(first), *notes, *(cut if lacking else [])],
                self.rows.facets(request.facets, self.candidates),
            )
            for query, request, hits, ranking, values, lacking, first in zip(
                queries, requests, arranged, rows, scores, short, firsts, strict=True
            )
        ]

    def _reranked(
        self, rows: Rows, requests: Sequence[SearchRequest], rules: Sequence[ResultRules], rescore: Rescore
    ) -> list[Rows]:
        """The first rows of each ranking (B, m) by their new scores, as many as its request says."""
        firsts = [
            _to_rerank(ranking, request, rule) for ranking, request, rule in zip(rows, requests, rules, strict=True)
        ]
        return rerank(firsts, vectors=self.rows.vectors, rescore=rescore)

    def _complete(self, hits: Sequence[int], request: SearchRequest) -> bool:
        """True if each value of the attribute to group by has its hit, so that no more can follow."""
        if request.group_by is None:
            return False
        return len(hits) >= self.rows.groups(request.group_by, self.candidates, without=self._excluded(request))

    def _hits(self, query: Embeddings, hits: Sequence[int], ranking: Rows, scores: Scores) -> list[Hit]:
        """The items of rows with their scores for a query (d,); pinned rows beyond the ranking are scored here."""
        known = dict(zip(ranking.tolist(), scores.tolist(), strict=True))
        rows = self.rows
        return [Hit(rows.item(row), known[row] if row in known else rows.score(query, row)) for row in hits]

    def _rules(self, request: SearchRequest) -> ResultRules:
        if request.plain:
            return PLAIN
        rows = self.rows
        pinned = [row for id in request.pinned if (row := rows.row(id)) is not None and self._is_candidate(row)]
        return ResultRules(
            pinned=pinned,
            dropped=frozenset(self._excluded(request)),
            unwanted=self._unwanted(request),
            group=None if request.group_by is None else rows.value(request.group_by),
            alike=request.alike,
            vectors=rows.vectors,
        )

    def _excluded(self, request: SearchRequest) -> list[int]:
        return [row for id in request.exclude if (row := self.rows.row(id)) is not None]

    def _is_candidate(self, row: int) -> bool:
        start, base = self.rows.overlay.start, self.candidates.base
        if row >= start:
            return bool(self.candidates.fresh[row - start])
        return base is None or bool(base.mask[row])

    def _unwanted(self, request: SearchRequest) -> Callable[[int], bool] | None:
        """A function that tells whether a row's image is the reference, or looks the same."""
        rows, content = self.rows, request.content
        reference = None if request.reference is None else rows.row(request.reference)
        if reference is not None:
            (vector,) = rows.vectors(np.array([reference]))
            return lambda row: row == reference or rows.score(vector, row) >= SAME
        return None if content is None else lambda row: rows.content(row) == content

    def _notes(self) -> list[str]:
        """How the search was done, if a filter or a missing shard makes a difference."""
        ranking, base, missing = self.rows.base.ranking, self.candidates.base, self.rows.base.missing
        if base is not None and ranking.scans(base):  # by their vectors, whatever shard they are in
            return [f"the filter leaves {base.count} items: all of them were compared exactly"]
        notes = []
        if missing:
            lost = self.rows.overlay.start - ranking.shards.count
            notes.append(f"{', '.join(missing)} cannot be read: {lost} items were not searched")
        if base is not None:
            notes.append(f"{ranking.probes(base, self.nprobe)} of {ranking.shards.nlist} lists were searched")
        return notes


def _to_rerank(ranking: Rows, request: SearchRequest, rules: ResultRules) -> Rows:
    """The first rows of a ranking (m,) to re-rank, without those that are pinned or never a hit.

    They are taken from the same number of rows however long the ranking is, so that pages fit together.
    """
    rows = ranking[: _rerank_depth(request)]
    rows = rows[rows >= 0]
    if rules is not PLAIN:
        fixed, unwanted = {*rules.dropped, *rules.pinned}, rules.unwanted
        free = [row not in fixed and (unwanted is None or not unwanted(row)) for row in rows.tolist()]
        rows = rows[np.array(free, dtype=np.bool_)]
    return rows[: request.rerank]


def _joined(first: Rows, ranking: Rows) -> Rows:
    """A ranking with its re-ranked rows in front."""
    return np.concatenate([first, ranking[~np.isin(ranking, first)]]) if len(first) else ranking


def _rerank_notes(first: Rows) -> list[str]:
    return [f"the first {len(first)} of the ranking were re-ranked"] if len(first) else []


def _depth(request: SearchRequest) -> int:
    """How many rows are ranked at first."""
    factor = 1 if request.group_by is None and request.alike is None else DEEPER
    return max((request.offset + request.k + _left_out(request)) * factor, _rerank_depth(request))


def _rerank_depth(request: SearchRequest) -> int:
    """How many rows of the ranking are looked through for those to re-rank."""
    return request.rerank + len(request.pinned) + _left_out(request) if request.rerank else 0


def _left_out(request: SearchRequest) -> int:
    """About how many of the first rows are never hits."""
    return len(request.exclude) + (AHEAD if request.reference is not None or request.content is not None else 0)
