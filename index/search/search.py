"""One search of a gallery's contents: as many rows ranked as the wanted arrangement needs, and no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from index.search.request import SAME, Hit, SearchRequest, SearchResult
from index.search.rerank import Rescore, no_reranker, rerank
from index.search.result_rules import PLAIN, ResultRules, apply_rules
from index.storage.view import Candidates, GalleryView
from models.arrays import Embeddings, Rows, Scores

AHEAD = 8  # more rows are ranked than are wanted, so that few searches have to be ranked again
DEEPER = 4  # so many times more are ranked where the arrangement let through too few
RANKED = 16_384  # where that ends: to look through a million rows for a thirteenth of twelve values takes seconds


@dataclass(frozen=True, slots=True)
class Search:
    """What may be found, and how: for queries that share a filter."""

    contents: GalleryView
    picked: Candidates
    nprobe: int | None

    def found(
        self, queries: Embeddings, wants: Sequence[SearchRequest], rescore: Rescore = no_reranker
    ) -> list[SearchResult]:
        """What each query (B, d) finds of what it wants; `rescore` is asked where one wants its first rows re-ranked.

        Whatever page of an answer is asked for, the same rows are re-ranked, so that its pages fit together.
        """
        rules = [self._rules(want) for want in wants]
        depth = max(_depth(want) for want in wants)
        total, most = self.picked.total, max(depth, RANKED)
        firsts: list[Rows] = []
        while True:
            depth = min(depth, max(1, total))
            scores, rows = self.contents.order(queries, depth, self.picked, nprobe=self.nprobe)
            if not firsts:  # a deeper order begins with the same rows
                firsts = self._firsts(rows, wants, rules, rescore)
            placed = [
                apply_rules(_joined(first, order), rule, count=want.offset + want.k)
                for first, order, rule, want in zip(firsts, rows, rules, wants, strict=True)
            ]
            short = [
                len(each) < want.offset + want.k and not self._all(each, want)
                for each, want in zip(placed, wants, strict=True)
            ]
            ended = rows.shape[1] < depth or bool((rows[:, depth - 1] < 0).all())  # where a shard is missing, earlier
            if not any(short) or ended or depth >= min(total, most):
                break
            depth = min(depth * DEEPER, most)
        notes = self._notes()
        cut = [] if ended or depth >= total else [f"only the best {depth} of {total} items were looked through"]
        return [
            SearchResult(
                self._hits(query, each[want.offset :], own, values),
                total,
                [*_told(first), *notes, *(cut if lacking else [])],
                self.contents.facets(want.facets, self.picked),
            )
            for query, want, each, own, values, lacking, first in zip(
                queries, wants, placed, rows, scores, short, firsts, strict=True
            )
        ]

    def _firsts(
        self, rows: Rows, wants: Sequence[SearchRequest], rules: Sequence[ResultRules], rescore: Rescore
    ) -> list[Rows]:
        """The first rows of each order (B, m) re-ranked, as many as are wanted so."""
        firsts = [_candidates(line, want, rule) for line, want, rule in zip(rows, wants, rules, strict=True)]
        return rerank(firsts, vectors=self.contents.vectors, rescore=rescore)

    def _all(self, placed: Sequence[int], want: SearchRequest) -> bool:
        """Whether each value of the attribute that is grouped by has its place, so that no more can come."""
        if want.group_by is None:
            return False
        return len(placed) >= self.contents.groups(want.group_by, self.picked, without=self._excluded(want))

    def _hits(self, query: Embeddings, shown: Sequence[int], rows: Rows, scores: Scores) -> list[Hit]:
        """The items of rows, with their scores of a query (d,): those of its order, and of pinned ones beyond it."""
        known = dict(zip(rows.tolist(), scores.tolist(), strict=True))
        contents = self.contents
        return [Hit(contents.item(row), known[row] if row in known else contents.score(query, row)) for row in shown]

    def _rules(self, want: SearchRequest) -> ResultRules:
        if want.plain:
            return PLAIN
        contents, view = self.contents, self.contents.view
        pinned = [row for id in want.pinned if (row := view.row(id)) is not None and self._picked(row)]
        return ResultRules(
            pinned=pinned,
            dropped=frozenset(self._excluded(want)),
            unwanted=self._unwanted(want),
            group=None if want.group_by is None else contents.value(want.group_by),
            alike=want.alike,
            vectors=contents.vectors,
        )

    def _excluded(self, want: SearchRequest) -> list[int]:
        return [row for id in want.exclude if (row := self.contents.view.row(id)) is not None]

    def _picked(self, row: int) -> bool:
        start, base = self.contents.view.start, self.picked.base
        if row >= start:
            return bool(self.picked.fresh[row - start])
        return base is None or bool(base.mask[row])

    def _unwanted(self, want: SearchRequest) -> Callable[[int], bool] | None:
        """Tells whether a row's picture is the reference, or looks the same."""
        contents, content = self.contents, want.content
        row = None if want.reference is None else contents.view.row(want.reference)
        if row is not None:
            (vector,) = contents.vectors(np.array([row]))
            return lambda other: other == row or contents.score(vector, other) >= SAME
        return None if content is None else lambda row: contents.content(row) == content

    def _notes(self) -> list[str]:
        """How the search was made, where a filter or a missing shard makes a difference."""
        ranking, base = self.contents.base.ranking, self.picked.base
        if base is not None and ranking.scans(base):  # by their vectors, whatever shard they are in
            return [f"each of the {base.count} items that may be found was compared"]
        notes = []
        if self.contents.base.missing:
            lost = self.contents.view.start - ranking.shards.count
            notes.append(f"{', '.join(self.contents.base.missing)} cannot be read: {lost} items were not searched")
        if base is not None:
            notes.append(f"{ranking.probes(base, self.nprobe)} of {ranking.shards.nlist} lists were searched")
        return notes


def _candidates(order: Rows, want: SearchRequest, rules: ResultRules) -> Rows:
    """The first rows of an order (m,) that are wanted re-ranked: none that is never a hit, or has its place anyway.

    However long the order is, they are looked for among as many of its rows, so that pages fit together.
    """
    seen = order[: _reached(want)]
    seen = seen[seen >= 0]
    if rules is not PLAIN:
        placed, unwanted = {*rules.dropped, *rules.pinned}, rules.unwanted
        free = [row not in placed and (unwanted is None or not unwanted(row)) for row in seen.tolist()]
        seen = seen[np.array(free, dtype=np.bool_)]
    return seen[: want.rerank]


def _joined(first: Rows, order: Rows) -> Rows:
    """An order with some of its rows in front, as they were re-ranked."""
    return np.concatenate([first, order[~np.isin(order, first)]]) if len(first) else order


def _told(first: Rows) -> list[str]:
    """What a note says of rows that were re-ranked."""
    return [f"the first {len(first)} of the ranking were re-ranked"] if len(first) else []


def _depth(want: SearchRequest) -> int:
    """How many rows are ranked at first."""
    shown = (want.offset + want.k + _left_out(want)) * (1 if want.group_by is None and want.alike is None else DEEPER)
    return max(shown, _reached(want))


def _reached(want: SearchRequest) -> int:
    """How many rows of the order are looked through for those to re-rank."""
    return want.rerank + len(want.pinned) + _left_out(want) if want.rerank else 0


def _left_out(want: SearchRequest) -> int:
    """About how many of the first rows are never among the hits."""
    return len(want.exclude) + (AHEAD if want.reference is not None or want.content is not None else 0)
