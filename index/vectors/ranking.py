"""Ranks the rows of a snapshot for a query by the faster way: the shards, or the vectors themselves.

The first rows do not depend on how many rows are requested, so the pages of a long result fit together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.vectors.encodings import ENCODING_FACTS
from index.vectors.exact import Exact, sort
from index.vectors.selection import Selection
from index.vectors.shards import Shards
from models.arrays import Embeddings, Rows, Scores

SCANNED = 5_000  # rows up to which a filtered search scans the vectors: as fast as the shards, and exact
TIED = 8  # extra rows fetched to find the end of a tie
MOST_TIED = 16_384  # rows fetched at most to find it
SCANNED_OF = 400  # or one row of so many, if that is more
SHARES = (0.5, 0.2, 0.05, 0.01)  # of the rows that a filter keeps, for which the lists to probe are measured


@dataclass(frozen=True, slots=True)
class Ranking:
    """The shards and vectors of a snapshot, as one ranking of its rows for any query."""

    shards: Shards
    exact: Exact
    nprobe: int
    widened: Sequence[int] = ()  # lists to probe if a filter keeps one of the SHARES

    def scans(self, only: Selection | None) -> bool:
        """True if the rows are few enough to score each of them exactly."""
        return only is not None and only.count <= max(SCANNED, len(self.exact) // SCANNED_OF)

    def probes(self, only: Selection | None, nprobe: int | None) -> int:
        """Number of lists to probe: more for a narrower filter, log-interpolated between the measured shares."""
        if nprobe is not None or only is None:
            return min(self.shards.nlist, self.nprobe if nprobe is None else nprobe)
        shares, lists = (1.0, *SHARES[: len(self.widened)]), (self.nprobe, *self.widened)
        share = only.count / len(self.exact)
        if share < shares[-1]:
            return self.shards.nlist
        return round(float(np.exp(np.interp(np.log(share), np.log(shares[::-1]), np.log(lists[::-1])))))

    def best(
        self, queries: Embeddings, depth: int, *, only: Selection | None = None, nprobe: int | None = None
    ) -> tuple[Scores, Rows]:
        """Cosines and rows (B, K) of the best for each query (B, d), in order; K is at least `depth`, if there are.

        A row is −1 if there are no more. Of a lossy encoding, hits are put in their exact order block by block, so a
        cosine may rise from one block to the next; within one block nothing is out of order. If the probed lists hold
        fewer than `depth`, the rows of the other lists follow them, in their own order: merged between them, they would
        move the rows of earlier pages.
        """
        if only is not None and self.scans(only):
            return self.exact.best(queries, only.rows, depth)
        lists = self.probes(only, nprobe)
        scores, rows = self._ordered(queries, depth, lists, only)
        if lists == self.shards.nlist:
            return scores, rows
        short = rows[:, min(depth, rows.shape[1]) - 1] < 0
        if short.any():
            all_scores, all_rows = self._ordered(queries[short], depth, self.shards.nlist, only)
            for position, number in enumerate(np.flatnonzero(short).tolist()):
                _append(scores[number], rows[number], all_scores[position], all_rows[position])
        return scores, rows

    def _ordered(self, queries: Embeddings, depth: int, nprobe: int, only: Selection | None) -> tuple[Scores, Rows]:
        """As `best`, for the rows of `nprobe` lists."""
        block = ENCODING_FACTS[self.shards.encoding].block
        ranked = -(-depth // block) * block if block else depth
        scores, rows = self._ranked(queries, ranked, nprobe, only)
        if not block:
            return scores, rows
        scores = self.exact.scores(queries, rows)
        for start in range(0, rows.shape[1], block):
            part = slice(start, start + block)
            scores[:, part], rows[:, part] = sort(scores[:, part], rows[:, part], block)
        return scores, rows

    def _ranked(self, queries: Embeddings, depth: int, nprobe: int, only: Selection | None) -> tuple[Scores, Rows]:
        """The first `depth` by the encoding's scores, ties by row.

        FAISS returns an arbitrary part of a tie, so more rows are fetched until one scores below the last requested.
        """
        most = self.shards.count if only is None else only.count
        fetched = depth + TIED
        while True:
            scores, rows = self.shards.search(queries, min(fetched, most), nprobe, only=only)
            if fetched >= most or fetched > MOST_TIED:  # every row, or many copies of one image
                break
            if bool(np.all((scores[:, depth - 1] > scores[:, -1]) | (rows[:, -1] < 0))):
                break
            fetched *= 2
        return scores[:, :depth], rows[:, :depth]

    def probed(self, queries: Embeddings, k: int, nprobe: int) -> tuple[Scores, Rows]:
        """The k best with `nprobe` lists, as a recall probe needs them."""
        scores, rows = self.best(queries, k, nprobe=nprobe)
        return scores[:, :k], rows[:, :k]


def _append(scores: NDArray[np.float32], rows: Rows, other_scores: NDArray[np.float32], others: Rows) -> None:
    """Fills the −1 at the end of one query's rows (K,) with those of the others (K,) that are not among them."""
    held = int(np.count_nonzero(rows >= 0))
    new = np.flatnonzero(~np.isin(others, rows[:held]) & (others >= 0))[: len(rows) - held]
    scores[held : held + len(new)], rows[held : held + len(new)] = other_scores[new], others[new]
