"""Chooses how many lists a search probes for a recall goal, with and without a filter; measured for each snapshot."""

import math
from dataclasses import dataclass, replace

import numpy as np

from index.vectors.ranking import SHARES, Ranking
from index.vectors.recall import RECALL_AT, RecallProbe, recall
from index.vectors.selection import Selection
from models.arrays import Embeddings, Scores

FILTERED = 64  # queries that a share of the rows is measured with
MARGIN_STEPS = 8  # halvings of the margin
WIDER = 1.5  # times the lists that are tried next


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """Lists to probe for a recall@10, also if a filter keeps one of the SHARES, and the recall they reach."""

    nprobe: int
    widened: tuple[int, ...]
    margin: float | None
    recall_goal: float
    recall_at_10: float


def tuned(ranking: Ranking, probe: RecallProbe, goal: float) -> ProbeCounts:
    """Measure the counts on the probe's queries; the filters keep random rows, harder than most real ones."""
    nlist = ranking.shards.nlist
    if not len(ranking.exact):
        return ProbeCounts(nlist, (nlist,) * len(SHARES), None, goal, 1.0)
    nprobe, measured = probe.nprobe(ranking.probed, nlist=nlist, goal=goal)
    margin = None
    if nprobe < nlist and not ranking.shards.on_gpus:
        margin, measured = _margin(replace(ranking, nprobe=nprobe), probe, goal) or (None, measured)
    widened, lists = [], nprobe
    chance = np.random.default_rng(0).random(len(ranking.exact))
    queries = probe.queries[:FILTERED]
    for share in SHARES:
        only = Selection(chance < share)
        if not ranking.scans(only):  # otherwise a filter of that share probes no lists
            truth, _ = ranking.exact.best(queries, only.rows, RECALL_AT)
            while lists < nlist and _recall(ranking, queries, truth, only, lists) < goal:
                lists = min(nlist, math.ceil(WIDER * lists))
        widened.append(lists)
    return ProbeCounts(nprobe, tuple(widened), margin, goal, measured)


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


def _recall(ranking: Ranking, queries: Embeddings, truth: Scores, only: Selection, lists: int) -> float:
    scores, _ = ranking.best(queries, RECALL_AT, only=only, nprobe=lists)
    return recall(scores[:, :RECALL_AT], truth)
