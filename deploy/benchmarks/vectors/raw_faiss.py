"""FAISS itself, called directly, in turn with a gallery of the same vectors: the yardstick of gallery.py."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import faiss
import numpy as np

from index.gallery import Gallery
from index.search.request import SearchRequest
from index.storage import snapshot
from index.vectors import recall
from index.vectors.encodings import ENCODING_FACTS
from index.vectors.ranking import WIDEST, Ranking
from index.vectors.recall import RecallProbe
from index.vectors.shards import Probes, Shards
from models.arrays import Embeddings

K = 10
BLOCK = 16384
TURNS, WARM = 400, 8  # single queries, and those before they are timed
BATCH = 64


def raw_index(live: snapshot.Snapshot) -> faiss.IndexIVF:
    """One FAISS index of all the shards' vectors, in memory."""
    first, *others = [faiss.read_index(str(path)) for path in live.shards]
    assert isinstance(first, faiss.IndexIVF)
    for other in others:
        first.merge_from(other, 0)
    return first


def against_raw(gallery: Gallery, raw: faiss.IndexIVF, probe: RecallProbe, ranking: Ranking) -> dict[str, object]:
    """Milliseconds of single queries and queries a second of batches, ours and raw in turn, and the recall of raw."""
    queries = probe.queries
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = ranking.nprobe
    is_refined = isinstance(raw, faiss.IndexIVFRaBitQ)
    compared, of_search = refined(raw, ranking, parameters) if is_refined else (raw, parameters)
    faiss.omp_set_num_threads(1)
    want = SearchRequest(k=K)

    def ours(some: Embeddings) -> None:
        gallery.view().search(some, [want] * len(some))

    def theirs(some: Embeddings) -> None:
        compared.search(some, K, params=of_search)

    _, rows = compared.search(queries, K, params=of_search)
    single = in_turn(ours, theirs, [queries[n % len(queries)][np.newaxis] for n in range(TURNS)])
    batches = in_turn(ours, theirs, [queries[n : n + BATCH] for n in range(0, len(queries) - BATCH + 1, BATCH)] * 2)
    return {
        "p50_ms": [1000 * seconds for seconds in single],
        "per_s": [BATCH / seconds for seconds in batches],
        "cpu_ms": 1000 * cpu_seconds(ours, queries) / len(queries),
        "raw_recall": recall.recall(ranking.exact.scores(queries, rows), probe.truth),
    }


def refined(
    raw: faiss.IndexIVF, ranking: Ranking, parameters: faiss.SearchParametersIVF
) -> tuple[faiss.Index, faiss.SearchParameters]:
    """An index that ranks the rows of `raw` by half precision, as many as we do, and the parameters of its search."""
    vectors = ranking.exact.vectors
    halves = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, len(vectors), BLOCK):
        halves.add(vectors[start : start + BLOCK].astype(np.float32))
    of_refinement = faiss.IndexRefineSearchParameters()
    of_refinement.k_factor = ENCODING_FACTS[ranking.shards.encoding].block / K
    of_refinement.base_index_params = parameters
    return faiss.IndexRefine(raw, halves), of_refinement


def same_ids(shards: Shards, raw: faiss.IndexIVF, queries: Embeddings, nprobe: int) -> float:
    """The share of queries for which the shards together find the very ids that one index finds."""
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = nprobe
    _, ours = shards.search(queries, K, Probes(nprobe))
    _, theirs = raw.search(queries, K, params=parameters)
    return float((np.sort(ours, axis=1) == np.sort(theirs, axis=1)).all(axis=1).mean())


def in_turn(
    one: Callable[[Embeddings], object], other: Callable[[Embeddings], object], queries: Sequence[Embeddings]
) -> tuple[float, float]:
    """The median seconds of each: in turns of the one, the other twice, and the one, with four queries."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(-WARM, len(queries)):
        for turn, way in enumerate((one, other, other, one) if number % 2 else (other, one, one, other)):
            each = queries[(number + turn * len(queries) // 4) % len(queries)]
            begun = time.perf_counter()
            way(each)
            if number >= 0:
                took[way is other].append(time.perf_counter() - begun)
    return median(took[0]), median(took[1])


def cpu_seconds(way: Callable[[Embeddings], None], queries: Embeddings) -> float:
    """CPU seconds of the thread for all queries, one by one."""
    begun = time.thread_time()
    for query in queries:
        way(query[np.newaxis])
    return time.thread_time() - begun


def lists_probed(raw: faiss.IndexIVF, ranking: Ranking, queries: Embeddings) -> float:
    """The median number of lists that a search of ours probes."""
    if ranking.margin is None:
        return ranking.nprobe
    near, _ = raw.quantizer.search(queries, min(raw.nlist, WIDEST * ranking.nprobe))
    best = near[:, :1]
    return float(np.median((near >= best - ranking.margin * np.abs(best)).sum(axis=1)))
