"""Chooses how many lists a search probes for a recall goal, with and without a filter; measured for each snapshot."""

from dataclasses import dataclass, replace

import numpy as np

from index.vectors.ranking import Ranking
from index.vectors.recall import RECALL_AT, RecallProbe, recall
from index.vectors.selection import Selection
from models.arrays import Embeddings, Scores

FILTERED = 128  # queries that a share of the rows is measured with
SHARES = (0.5, 0.2, 0.05, 0.01)  # of the rows that the measured filters keep
MARGIN_STEPS = 8  # halvings of the margin
LEAST_REACH, WIDER, WHOLE = 0.02, 1.25, 2.0  # the first reach, how many times wider the next is, and that of all lists


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """Lists to probe for a recall@10, how far those of a filtered search reach, and the recall."""

    nprobe: int
    margin: float | None
    reach: float
    recall_goal: float
    recall_at_10: float


def tuned(ranking: Ranking, probe: RecallProbe, goal: float) -> ProbeCounts:
    """Measure them on the probe's queries; the filters keep random rows."""
    nlist = ranking.shards.nlist
    if not len(ranking.exact):
        return ProbeCounts(nlist, None, WHOLE, goal, 1.0)
    nprobe, measured = probe.nprobe(ranking.probed, nlist=nlist, goal=goal)
    margin = None
    if nprobe < nlist:
        margin, measured = _margin(replace(ranking, nprobe=nprobe), probe, goal) or (None, measured)
    reach = _reach(replace(ranking, nprobe=nprobe), probe.queries[:FILTERED], goal) if nprobe < nlist else WHOLE
    return ProbeCounts(nprobe, margin, reach, goal, measured)


def _reach(ranking: Ranking, queries: Embeddings, goal: float) -> float:
    """The least reach with that recall, whatever share of the rows a filter keeps.

    A filter that keeps a query's neighbours needs the lists that a search without one needs, and one that keeps none of
    them nearly all lists: the best rows of the nearest lists tell which it is.
    """
    chance = np.random.default_rng(0).random(len(ranking.exact))
    reach = LEAST_REACH
    for share in SHARES:
        only = Selection(chance < share)
        if ranking.scans(only):  # it probes no lists
            break
        truth, _ = ranking.exact.best(queries, only.rows, RECALL_AT)
        while reach < WHOLE and _recall(replace(ranking, reach=reach), queries, truth, only) < goal:
            reach = min(WIDER * reach, WHOLE)
    return reach


def _margin(ranking: Ranking, probe: RecallProbe, goal: float) -> tuple[float, float] | None:
    """The least margin with that recall, and the recall; None if there is none.

    A query near one centroid needs fewer lists than most, and one between many needs more: SPANN (Chen et al. 2021,
    section 3.3) prunes the lists of each query in this way.
    """

    def recall_with(margin: float) -> float:
        pruned = replace(ranking, margin=margin)
        return probe.recall(lambda queries, k, _: pruned.probed(queries, k, None), ranking.nprobe)

    low, high = 0.0, 1.0  # beyond, only centroids that point away from the query follow
    measured = recall_with(high)
    if measured < goal:
        return None
    for _ in range(MARGIN_STEPS):
        middle = (low + high) / 2
        if (found := recall_with(middle)) < goal:
            low = middle
        else:
            high, measured = middle, found
    return high, measured


def _recall(ranking: Ranking, queries: Embeddings, truth: Scores, only: Selection) -> float:
    scores, _ = ranking.best(queries, RECALL_AT, only=only)
    return recall(scores[:, :RECALL_AT], truth)
