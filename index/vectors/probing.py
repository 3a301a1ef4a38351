"""Chooses how many lists a search probes for a recall goal, with and without a filter; measured for each snapshot."""

import math
from dataclasses import dataclass

import numpy as np

from index.vectors.ranking import SHARES, Ranking
from index.vectors.recall import RECALL_AT, RecallProbe, recall
from index.vectors.selection import Selection
from models.arrays import Embeddings, Scores

FILTERED = 64  # queries that a share of the rows is measured with
WIDER = 1.5  # times the lists that are tried next


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """Lists to probe for a recall@10, also if a filter keeps one of the SHARES, and the recall they reach."""

    nprobe: int
    widened: tuple[int, ...]
    recall_goal: float
    recall_at_10: float


def tuned(ranking: Ranking, probe: RecallProbe, goal: float) -> ProbeCounts:
    """Measure the counts on the probe's queries; the filters keep random rows, harder than most real ones."""
    nlist = ranking.shards.nlist
    if not len(ranking.exact):
        return ProbeCounts(nlist, (nlist,) * len(SHARES), goal, 1.0)
    nprobe, measured = probe.nprobe(ranking.probed, nlist=nlist, goal=goal)
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
    return ProbeCounts(nprobe, tuple(widened), goal, measured)


def _recall(ranking: Ranking, queries: Embeddings, truth: Scores, only: Selection, lists: int) -> float:
    scores, _ = ranking.best(queries, RECALL_AT, only=only, nprobe=lists)
    return recall(scores[:, :RECALL_AT], truth)
