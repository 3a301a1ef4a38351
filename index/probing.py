"""How many lists a search must probe for a recall, of all rows and of filtered ones: measured for each snapshot."""

import math
from dataclasses import dataclass

import numpy as np

from index.ranking import SHARES, Ranking
from index.recall import BEST, Probe, recall
from index.selection import Selection
from index.vectors import Scores
from models.arrays import Embeddings

FILTERED = 64  # queries that a share of the rows is measured with
WIDER = 1.5  # times the lists that are tried next


@dataclass(frozen=True, slots=True)
class Probing:
    """Lists to probe for a recall@10, also where a filter keeps one of the SHARES, and the recall they reach."""

    nprobe: int
    widened: tuple[int, ...]
    recall_goal: float
    recall_at_10: float


def tuned(ranking: Ranking, probe: Probe, goal: float) -> Probing:
    """Measures them on the probe's queries, the filters keeping rows by chance, which is harder than most."""
    nlist = ranking.shards.nlist
    nprobe, measured = probe.nprobe(ranking.probed, nlist=nlist, goal=goal)
    widened, lists = [], nprobe
    chance = np.random.default_rng(0).random(len(ranking.exact))
    queries = probe.queries[:FILTERED]
    for share in SHARES:
        only = Selection(chance < share)
        if not ranking.scans(only):  # else no filter of that share asks for lists
            truth, _ = ranking.exact.best(queries, only.rows, BEST)
            while lists < nlist and _recall(ranking, queries, truth, only, lists) < goal:
                lists = min(nlist, math.ceil(WIDER * lists))
        widened.append(lists)
    return Probing(nprobe, tuple(widened), goal, measured)


def _recall(ranking: Ranking, queries: Embeddings, truth: Scores, only: Selection, lists: int) -> float:
    scores, _ = ranking.best(queries, BEST, only=only, nprobe=lists)
    return recall(scores[:, :BEST], truth)
