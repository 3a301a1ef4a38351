"""Ranks the rows of a snapshot for a query by the faster way: the shards, or the vectors themselves.

The first rows do not depend on how many rows are requested, so the pages of a long result fit together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.vectors.encodings import ENCODING_FACTS, code_bytes
from index.vectors.exact import SMALL, Exact, sort
from index.vectors.selection import ID_BYTES, DeadRows, Selection
from index.vectors.shards import REACHED, Probes, Shards
from models.arrays import Embeddings, Rows, Scores

SCANNED = 5_000  # rows up to which a filtered search compares each of them exactly
SPARSE = 4  # one row of so many: if fewer are alive, the lists are not probed
TIED = 8  # extra rows fetched to find the end of a tie
MOST_TIED = 16_384  # rows fetched at most to find it
MOST_DEAD = 1_024  # rows fetched at most beyond the expected ones because of dead rows; then FAISS leaves these out
SCANNED_OF = 400  # or one row of so many, if that is more
FLAT_BLOCK = 32  # hits put in order at a time if only some images of an item may be in the probed lists
WIDEST = 3  # times `nprobe`: lists probed at most if those within a margin are
MOSTLY_ALIVE = 20  # one row of so many: if more are dead, the margin does not hold


@dataclass(frozen=True, slots=True)
class Ranking:
    """The shards and vectors of a snapshot, as one ranking of its items, each by its best image, for any query."""

    shards: Shards
    exact: Exact
    nprobe: int
    margin: float | None = None  # without a filter, with up to WIDEST times as many lists; None: `nprobe` lists
    reach: float | None = None  # with a filter, or if many rows are dead; None: all lists of a filter

    def scans(self, only: Selection | None, dead: DeadRows | None = None) -> bool:
        """True if the rows are few enough to score each of them exactly."""
        if only is None:
            living = 0 if dead is None else len(self.exact) - len(dead)
            return dead is not None and living <= SCANNED and living * SPARSE <= len(self.exact) <= SMALL
        images = only.count * len(self.exact.vectors) // max(1, len(self.exact))
        return images <= max(SCANNED, len(self.exact.vectors) // SCANNED_OF)

    def narrow(self, only: Selection, most: int) -> None:
        """Makes later searches of a selection faster, unless that takes more than `most` bytes or it is scanned."""
        if self.scans(only):
            return
        images = only if self.exact.further is None else self.exact.further.selection(only)
        if images.count * (code_bytes(self.shards.encoding, self.shards.dimension) + ID_BYTES) <= most:
            self.shards.narrow(images)

    def probes(self, only: Selection | None, nprobe: int | None, *, dead: int = 0) -> Probes:
        """The lists to probe: as many as requested, or as measured; `dead` rows are never hits."""
        if nprobe is not None:
            return Probes(min(self.shards.nlist, nprobe))
        if only is None and self.shards.on_gpus:  # a reach would move the search to the CPU; more lists make up for it
            living = max(1, len(self.exact) - dead)
            return Probes(min(self.shards.nlist, -(-self.nprobe * len(self.exact) // living)))
        if only is None and dead * MOSTLY_ALIVE <= len(self.exact):
            if self.margin is None:
                return Probes(self.nprobe)
            return Probes(min(WIDEST * self.nprobe, self.shards.nlist), margin=self.margin)
        if only is not None and self.reach is None:
            return Probes(self.shards.nlist)
        return Probes(self.nprobe, reach=self.reach)

    def best(
        self,
        queries: Embeddings,
        depth: int,
        *,
        only: Selection | None = None,
        dead: DeadRows | None = None,
        nprobe: int | None = None,
    ) -> tuple[Scores, Rows]:
        """Cosines and rows (B, K) of the best for each query (B, d), in order; K is at least `depth`, if there are.

        A row is −1 if there are no more. Of a lossy encoding, hits are put in their exact order block by block, so a
        cosine may rise from one block to the next; within one block nothing is out of order. If the probed lists hold
        fewer than `depth`, the rows of the other lists follow them, in their own order: merged between them, they would
        move the rows of earlier pages.
        """
        if not len(self.exact):
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        if self.scans(only, dead):
            return self.exact.best(queries, _living(only, dead), depth)
        probes = self.probes(only, nprobe, dead=0 if dead is None else len(dead))
        scores, rows = self._ordered(queries, depth, probes, only, dead)
        if probes == Probes(self.shards.nlist):
            return scores, rows
        short = rows[:, min(depth, rows.shape[1]) - 1] < 0
        if short.any():
            all_scores, all_rows = self._ordered(queries[short], depth, Probes(self.shards.nlist), only, dead)
            for position, number in enumerate(np.flatnonzero(short).tolist()):
                _append(scores[number], rows[number], all_scores[position], all_rows[position])
        return scores, rows

    def _ordered(
        self,
        queries: Embeddings,
        depth: int,
        probes: Probes,
        only: Selection | None,
        dead: DeadRows | None,
    ) -> tuple[Scores, Rows]:
        """As `best`, for the rows of the probed lists."""
        block = ENCODING_FACTS[self.shards.encoding].block
        if not block and self.exact.further is not None and probes != Probes(self.shards.nlist):
            block = FLAT_BLOCK
        ranked = -(-depth // block) * block if block else depth
        scores, rows = self._ranked(queries, ranked, probes, only, dead)
        if not block:
            return scores, rows
        scores = self.exact.scores(queries, rows)
        for start in range(0, rows.shape[1], block):
            part = slice(start, start + block)
            scores[:, part], rows[:, part] = sort(scores[:, part], rows[:, part], block)
        return scores, rows

    def _ranked(
        self,
        queries: Embeddings,
        depth: int,
        probes: Probes,
        only: Selection | None,
        dead: DeadRows | None,
    ) -> tuple[Scores, Rows]:
        """The first `depth` by the encoding's scores, ties by row, without dead rows.

        FAISS returns an arbitrary part of a tie, so more rows are fetched until one scores below the last requested.
        Dead rows are fetched with the others and dropped: to have FAISS leave out a few costs more. Several images of
        an item are fetched, too, and the best one counts.
        """
        further = self.exact.further
        if further is not None:
            only = None if only is None else further.selection(only)
            dead = None if dead is None else further.dead(dead)
        most = self.shards.count if only is None else only.count
        fetched = max(depth + TIED, REACHED)  # or the reach would depend on the depth
        if further is not None:
            fetched = min(most, -(-fetched * len(self.exact.vectors) // len(self.exact)))
        if dead is not None:
            fetched = min(most, -(-fetched * most // max(1, most - len(dead))) + TIED)
            most_dead = fetched + MOST_DEAD
        while True:
            scores, rows = self.shards.search(queries, min(fetched, most), probes, only=only)
            last, ended = scores[:, -1], rows[:, -1] < 0
            if dead is not None:
                scores, rows = dead.drop(scores, rows)
            if further is not None:
                scores, rows = further.items(scores, rows)
            if fetched >= most:  # every row
                break
            if fetched > MOST_TIED and dead is None and bool(np.all((rows[:, depth - 1] >= 0) | ended)):
                break  # many copies of one image
            if ((scores[:, depth - 1] > last) | ended).all():
                break
            fetched *= 2
            if dead is not None and fetched > min(most_dead, MOST_TIED):
                only, dead = dead.without(only), None
                most = only.count
        return scores[:, :depth], rows[:, :depth]

    def probed(self, queries: Embeddings, k: int, nprobe: int | None) -> tuple[Scores, Rows]:
        """The k best with `nprobe` lists, None for those of a search, as a recall probe needs them."""
        scores, rows = self.best(queries, k, nprobe=nprobe)
        return scores[:, :k], rows[:, :k]


def _living(only: Selection | None, dead: DeadRows | None) -> Rows:
    if dead is not None:
        return dead.living(only)
    assert only is not None  # or all rows would be scanned
    return only.rows


def _append(scores: NDArray[np.float32], rows: Rows, other_scores: NDArray[np.float32], others: Rows) -> None:
    """Fills the −1 at the end of one query's rows (K,) with those of the others (K,) that are not among them."""
    held = int(np.count_nonzero(rows >= 0))
    new = np.flatnonzero(~np.isin(others, rows[:held]) & (others >= 0))[: len(rows) - held]
    scores[held : held + len(new)], rows[held : held + len(new)] = other_scores[new], others[new]
