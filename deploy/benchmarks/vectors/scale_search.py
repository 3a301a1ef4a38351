"""Opens a gallery of scale.py and searches it, one thread: memory, speed, recall, filters, and lists of other goals.

The queries and the exact cosines of their best are those that scale.py has written beside it.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.open_snapshot import OpenSnapshot
from index.storage.snapshot_store import SnapshotStore
from index.vectors.encodings import Encoding
from index.vectors.recall import RecallProbe, recall
from models.arrays import Embeddings, Scores

PRICES = 10_000  # different ones of the items
K, WARM, TIMED = 10, 50, 400
GOALS = (0.8, 0.9, 0.95, 0.98, 0.99)
ALL_GOALS = 1_000_000  # items up to which all are measured: the highest take long


def serve(folder: Path, items: int, encoding: Encoding) -> dict[str, Any]:
    """Opens the gallery and searches it with one thread: memory, speed, recall, filters, and lists of other goals."""
    gallery = folder / encoding
    before = status("RssAnon")
    encoder_space = snapshot.live_manifest(gallery).space_id
    begun = time.monotonic()
    opened = Gallery.open(gallery, space_id=encoder_space)
    (answer,) = opened.view().search(opened.view().vector("item 0")[np.newaxis], [SearchRequest(k=K)])
    facts: dict[str, Any] = {"open_s": time.monotonic() - begun}
    if answer.hits[0].item.id != "item 0":
        raise SystemExit(f"{gallery} finds {answer.hits[0].item.id} by the vector of item 0")
    with np.load(folder / f"truth-{encoding}.npz") as arrays:
        queries, best = arrays["queries"], arrays["best"]
    facts["serve_first"] = status("RssAnon") - before
    facts |= milliseconds(opened, queries, SearchRequest(k=K))
    facts["recall"] = recall(scores(opened, queries), best)
    for name, given in (("10", {"price": {"lt": PRICES // 10}}), ("1", {"category": "category 7"})):
        facts[f"filter_{name}"] = milliseconds(opened, queries, SearchRequest(k=K, filter=parse(given)))
    facts["serve_anonymous"] = status("RssAnon") - before
    facts["serve_resident"] = status("VmHWM")
    store = opened.store
    assert isinstance(store, SnapshotStore)  # of a folder
    base = store.base
    probe = RecallProbe(queries, best)
    nlist = base.ranking.shards.nlist
    facts["goals"] = {}
    for goal in GOALS if items <= ALL_GOALS else (0.95,):
        nprobe, reached = probe.nprobe(base.ranking.probed, nlist=nlist, goal=goal)
        facts["goals"][str(goal)] = {"nprobe": nprobe, "recall": round(reached, 4)}
    facts["probed"] = lists_probed(base, queries)
    return facts


def milliseconds(opened: Gallery, queries: Embeddings, request: SearchRequest) -> dict[str, float]:
    """p50, p95 and CPU milliseconds of single searches."""
    for query in queries[:WARM]:
        opened.view().search(query[np.newaxis], [request])
    took: list[float] = []
    worked = time.thread_time()
    for number in range(TIMED):
        begun = time.perf_counter()
        opened.view().search(queries[(WARM + number) % len(queries)][np.newaxis], [request])
        took.append(time.perf_counter() - begun)
    worked = time.thread_time() - worked
    p50, p95 = np.percentile(took, [50, 95])
    return {"p50_ms": round(1000 * p50, 3), "p95_ms": round(1000 * p95, 3), "cpu_ms": round(1000 * worked / TIMED, 3)}


def scores(opened: Gallery, queries: Embeddings) -> Scores:
    """The cosines (B, K) of what the gallery finds."""
    answers = (opened.view().search(query[np.newaxis], [SearchRequest(k=K)])[0] for query in queries)
    return np.array([[hit.score for hit in answer.hits] for answer in answers], np.float32)


def lists_probed(base: OpenSnapshot, queries: Embeddings) -> float:
    """The median number of lists that a search probes."""
    ranking = base.ranking
    near = np.sort(queries @ ranking.shards._centroids.T, axis=1)[:, ::-1][:, : 3 * ranking.nprobe]
    if ranking.margin is None:
        return ranking.nprobe
    return float(np.median((near >= near[:, :1] - ranking.margin * np.abs(near[:, :1])).sum(axis=1)))


def status(name: str) -> int:
    """A size in bytes that Linux tells of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
