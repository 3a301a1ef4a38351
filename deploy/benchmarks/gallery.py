"""Measures recall and cost of the index in each encoding against FAISS itself; writes docs/benchmarks/index.md.

Draws clustered vectors (about twenty items a cluster, like the variants of a product), builds a gallery of each
encoding from them as every build does, and runs composed queries: mixtures of two items, off the gallery by a modality
gap. Raw is one FAISS index of the same vectors, encoding, lists and probes, unsharded and in memory, called directly;
ours and raw run in turn, in one process, with one thread; figures are medians. Run it by `make bench-index`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import faiss
import numpy as np

import gallery_report
from index.build.snapshot_writer import Progress, SnapshotOrigin, write
from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.journal import Journal
from index.storage.open_snapshot import OpenSnapshot
from index.vectors import recall
from index.vectors.encodings import ENCODINGS, Encoding, IndexOptions
from index.vectors.exact import Exact, scaled
from index.vectors.recall import RecallProbe
from index.vectors.shards import Shards
from models.arrays import Embeddings, Vectors, normalised

SPACE = "drawn"
PER_CLUSTER, NOISE = 20, 0.6  # variants of a product, with a cosine of 0.74 to each other
BLOCK = 16384
K = 10
TURNS = 400  # single queries
CURVE_QUERIES, ENOUGH = 128, 0.99  # of the plot, which ends at that recall
BATCH = 64
PASSING = (500, 100, 10, 1)  # of 1000 rows
VARIANTS: Mapping[str, tuple[Encoding, int]] = {
    **{encoding: (encoding, 1) for encoding in ENCODINGS},
    "sq8, 4 shards": ("sq8", 4),
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--folder", type=Path, default=Path("build/bench-index"), help="of the galleries, made anew")
    parser.add_argument("--write", action="store_true", help="also write it to docs/benchmarks")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)  # one gallery, opened and asked in its own process
    arguments = parser.parse_args(argv)
    if arguments.open is not None:
        print(json.dumps(opened(arguments.open)))
        return 0
    vectors = drawn(arguments.items, arguments.dimension)
    found = {}
    for name, (encoding, shards) in VARIANTS.items():
        found[name] = measured(arguments.folder / f"{encoding}-{shards}", encoding, shards, vectors)
        print(name, found[name], file=sys.stderr)
    text = gallery_report.text(found, arguments.items, arguments.dimension)
    print(text)
    if arguments.write:
        gallery_report.write(text, found)
    return 0


def drawn(count: int, dimension: int) -> Vectors:
    """Clustered unit vectors (n, d)."""
    generator = np.random.default_rng(1)
    scale = np.float32(dimension**-0.5)
    centres = generator.standard_normal((max(1, count // PER_CLUSTER), dimension), dtype=np.float32) * scale
    vectors = np.empty((count, dimension), np.float16)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        noise = generator.standard_normal((size, dimension), dtype=np.float32) * scale
        vectors[start : start + size] = normalised(centres[generator.integers(len(centres), size=size)] + NOISE * noise)
    return vectors


def measured(gallery: Path, encoding: Encoding, shards: int, vectors: Vectors) -> dict[str, object]:
    """All figures of one encoding with a number of shards."""
    built = built_gallery(gallery, IndexOptions(shards, encoding, recall=0.95), vectors)
    live = snapshot.live(gallery)
    facts: dict[str, object] = {"seconds": built, "nprobe": live.manifest.nprobe, "nlist": live.manifest.nlist}
    facts["recall"] = live.manifest.recall_at_10
    facts["bytes"] = sum(entry.bytes for entry in live.manifest.shards) / len(vectors)
    facts["snapshot_bytes"] = sum(entry.bytes for entry in live.manifest.entries) / len(vectors)
    facts["opening"] = json.loads(
        subprocess.run(
            [sys.executable, __file__, "--open", str(gallery)], check=True, capture_output=True, text=True
        ).stdout
    )
    opened_gallery = Gallery.open(gallery, space_id=SPACE)
    raw = raw_index(live)
    probe = RecallProbe.open(live.path / snapshot.PROBE)
    facts |= against_raw(opened_gallery, raw, probe.queries, live.manifest.nprobe)
    base = OpenSnapshot.open(live)
    facts["same"] = same_ids(base.ranking.shards, raw, probe.queries, live.manifest.nprobe)
    if shards == 1:
        facts["curve"] = curve(base, probe, live.manifest.nlist)
    if encoding == "sq8" and shards == 1:
        facts["filters"] = filtered(opened_gallery, vectors, probe.queries)
    return facts


def built_gallery(gallery: Path, shape: IndexOptions, vectors: Vectors) -> dict[str, float]:
    """Seconds of each stage of the build."""
    shutil.rmtree(gallery, ignore_errors=True)
    gallery.mkdir(parents=True)
    buckets = np.random.default_rng(2).integers(1000, size=len(vectors)).tolist()
    rows = [SourceRow(f"item {n}", "", {"bucket": bucket}) for n, bucket in enumerate(buckets)]
    seconds: dict[str, float] = {}
    begun = {}

    def report_stage(progress: Progress) -> None:
        if progress.done == 0:
            begun[progress.stage] = time.monotonic()
        else:
            seconds[progress.stage] = time.monotonic() - begun[progress.stage]

    Journal.open(gallery).close()
    origin = SnapshotOrigin("drawn", SPACE, "drawn", 0)
    contents = Embedded(rows, vectors, [], computed=0, new=len(rows))
    made, _ = write(gallery, contents, origin, shape, report_stage, known={}, lexical=())
    snapshot.publish(gallery, made.manifest.name)
    return seconds


def opened(gallery: Path) -> dict[str, float]:
    """Seconds from nothing to the first answer of a gallery, and the resident MiB before, after it, and after more.

    Raises SystemExit where that answer is wrong: an item that is asked for by its own vector comes first.
    """
    before = resident_mib()
    begun = time.monotonic()
    found = Gallery.open(gallery, space_id=SPACE)
    (answer,) = found.view().search(found.view().vector("item 0")[np.newaxis], [SearchRequest(k=K)])
    seconds = time.monotonic() - begun
    if answer.hits[0].item.id != "item 0":
        raise SystemExit(f"{gallery} finds {answer.hits[0].item.id} by the vector of item 0")
    first = resident_mib()
    for query in RecallProbe.open(gallery / snapshot.SNAPSHOTS / found.manifest.name / snapshot.PROBE).queries:
        found.view().search(query[np.newaxis], [SearchRequest(k=K)])
    return {"seconds": seconds, "before": before, "first": first, "later": resident_mib(), "peak": peak_mib()}


def resident_mib() -> float:
    """Resident memory that is no file's: what the process itself takes."""
    return status_mib("RssAnon")


def status_mib(name: str) -> float:
    """A size that Linux tells of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def peak_mib() -> float:
    """The most that was resident at once, pages of mapped files too."""
    return status_mib("VmHWM")


def raw_index(live: snapshot.Snapshot) -> faiss.IndexIVF:
    """One FAISS index of all the shards' vectors, in memory."""
    first, *others = [faiss.read_index(str(path)) for path in live.shards]
    assert isinstance(first, faiss.IndexIVF)
    for other in others:
        first.merge_from(other, 0)
    return first


def against_raw(gallery: Gallery, raw: faiss.IndexIVF, queries: Embeddings, nprobe: int) -> dict[str, object]:
    """Milliseconds of single queries and queries a second of batches, ours and raw in turn."""
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = nprobe
    faiss.omp_set_num_threads(1)
    want = SearchRequest(k=K)

    def ours(some: Embeddings) -> None:
        gallery.view().search(some, [want] * len(some))

    def theirs(some: Embeddings) -> None:
        raw.search(some, K, params=parameters)

    single = in_turn(ours, theirs, [queries[n % len(queries)][np.newaxis] for n in range(TURNS)])
    batches = in_turn(ours, theirs, [queries[n : n + BATCH] for n in range(0, len(queries) - BATCH + 1, BATCH)])
    return {
        "p50_ms": [1000 * seconds for seconds in single],
        "per_s": [BATCH / seconds for seconds in batches],
        "cpu_ms": 1000 * cpu_seconds(ours, queries) / len(queries),
    }


def same_ids(shards: Shards, raw: faiss.IndexIVF, queries: Embeddings, nprobe: int) -> float:
    """The share of queries for which the shards together find the very ids that one index finds."""
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = nprobe
    _, ours = shards.search(queries, K, nprobe)
    _, theirs = raw.search(queries, K, params=parameters)
    return float((np.sort(ours, axis=1) == np.sort(theirs, axis=1)).all(axis=1).mean())


def in_turn(
    one: Callable[[Embeddings], object], other: Callable[[Embeddings], object], queries: Sequence[Embeddings]
) -> tuple[float, float]:
    """The median seconds of each."""
    took: tuple[list[float], list[float]] = ([], [])
    for number, each in enumerate([*queries[:8], *queries]):
        for way, into in zip((one, other), took, strict=True):
            begun = time.perf_counter()
            way(each)
            if number >= 8:  # the first are to warm up
                into.append(time.perf_counter() - begun)
    return median(took[0]), median(took[1])


def cpu_seconds(way: Callable[[Embeddings], None], queries: Embeddings) -> float:
    """CPU seconds of the thread for all queries, one by one."""
    begun = time.thread_time()
    for query in queries:
        way(query[np.newaxis])
    return time.thread_time() - begun


def curve(base: OpenSnapshot, probe: RecallProbe, nlist: int) -> list[tuple[int, float, float]]:
    """Lists, recall@10 and milliseconds of a single query."""
    probe = RecallProbe(probe.queries[:CURVE_QUERIES], probe.truth[:CURVE_QUERIES])
    points: list[tuple[int, float, float]] = []
    nprobe = 8
    while nprobe <= nlist // 2 and (not points or points[-1][1] < ENOUGH):
        measured_recall = probe.recall(base.ranking.probed, nprobe)
        took = []
        for query in probe.queries:
            begun = time.perf_counter()
            base.ranking.probed(query[np.newaxis], K, nprobe)
            took.append(time.perf_counter() - begun)
        points.append((nprobe, measured_recall, 1000 * median(took)))
        nprobe *= 2
    return points


def filtered(gallery: Gallery, vectors: Vectors, queries: Embeddings) -> list[dict[str, object]]:
    """Recall@10 among the rows that a filter keeps, and the milliseconds of a query with and without it."""
    queries = queries[:200]
    buckets = np.random.default_rng(2).integers(1000, size=len(vectors))
    exact, rows = Exact(vectors, scaled(vectors)), []
    for passing in PASSING:
        want = SearchRequest(k=K, filter=parse({"bucket": {"lt": passing}}))
        mask = buckets < passing
        truth = exact.best(queries, np.flatnonzero(mask), K)[0]
        found = gallery.view().search(queries, [want] * len(queries))
        scores = np.array([[hit.score for hit in each.hits] for each in found], dtype=np.float32)
        with_it, without = in_turn(
            partial(gallery.view().search, requests=[want]),
            lambda some: gallery.view().search(some, [SearchRequest(k=K)]),
            [query[np.newaxis] for query in queries],
        )
        rows.append(
            {
                "kept": passing / 1000,
                "recall": recall.recall(scores, truth),
                "ms": 1000 * with_it,
                "without_ms": 1000 * without,
                "how": found[0].notes[0],
            }
        )
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
