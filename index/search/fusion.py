"""Fusion of the ranking by vectors with the matches by words.

A convex combination of two scores (Bruch, Gai & Ingber, 2023, arXiv:2210.11934): (1 - w) · cosine + w · strength.
"""

from dataclasses import dataclass

import numpy as np

from index.search.request import SearchRequest
from index.storage.contents import Candidates, Contents
from models.arrays import Embeddings, Rows, Scores

ROUNDING = 1e-4  # of strengths, which are sums of weights


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """The rows (m,) that match one query's text, with their cosines (m,) and strengths (m,), best first."""

    rows: Rows
    cosines: Scores
    strengths: Scores
    weight: float

    @classmethod
    def match(
        cls, contents: Contents, candidates: Candidates, request: SearchRequest, query: Embeddings
    ) -> "Fusion | None":
        """The matches of a request's text among the candidates, with the query's (d,) cosines; None if there are none.

        Their order is that of their fused scores; ties by cosine, then by row. The work is bounded: it has no deadline.
        """
        matches = candidates.matches(request.text)
        rows, strengths, weight = matches.rows, matches.strengths, request.lexical_weight
        if not len(rows):
            return None
        cosines = contents.cosines(query, rows)
        order = np.lexsort((rows, -cosines, -fused(cosines, strengths, weight)))
        return cls(rows[order], cosines[order], strengths[order], weight)

    def ranking(self, rows: Rows, scores: Scores, depth: int, *, total: int) -> Rows:
        """The ranking (n,) by vectors, given with its scores (n,), with the matches at their places.

        A row without a match counts as no better than those before it. Of a ranking that ends before all `total` rows,
        the first `depth` are used, and matches whose place is behind them are left out: so a longer ranking begins with
        a shorter one.
        """
        is_complete = depth >= total or len(rows) < depth or rows[depth - 1] < 0
        end = depth
        if is_complete:
            end = int(np.argmax(rows < 0)) if len(rows) and rows[-1] < 0 else len(rows)  # −1 if a shard is missing
        rows, bounds = rows[:end], (1 - self.weight) * np.minimum.accumulate(scores[:end])
        values, matched = fused(self.cosines, self.strengths, self.weight), self.rows
        if not is_complete:
            within = values >= bounds[-1]
            values, matched = values[within], matched[within]
        others = ~np.isin(rows, self.rows)
        places = np.searchsorted(-bounds[others], -values)  # in front of rows of the same score
        ranking: Rows = np.insert(rows[others], places, matched)
        return ranking

    def certain(self, strength: float) -> set[int]:
        """The rows that match the words of the text at least so strongly."""
        rows: list[int] = self.rows[self.strengths >= strength - ROUNDING].tolist()
        return set(rows)

    def scores(self) -> dict[int, float]:
        """The cosine of each row that matches."""
        return dict(zip(self.rows.tolist(), self.cosines.tolist(), strict=True))


def fused(cosines: Scores, strengths: Scores, weight: float) -> Scores:
    """The scores (m,) that order the matches."""
    return (1 - weight) * cosines + weight * strengths
